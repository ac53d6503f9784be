"""The 25 prompts that each category of subject is asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from dreambench.errors import DreambenchError
from dreambench.paths import data_folder, read_yaml

Category = Literal["object", "live"]
CATEGORIES: tuple[Category, ...] = ("object", "live")
OFFICIAL_COUNT = 25
PLACEHOLDERS = ("{identifier}", "{class_noun}")
# A placeholder with the space before it, or, where none is, the space after it.
_PLACE = re.compile(r" \{(identifier|class_noun)\}|\{(identifier|class_noun)\} ?")
_ITEM = re.compile(r"([0-9]{1,9})(?:\s*-\s*([0-9]{1,9}))?")


@dataclass(frozen=True)
class Prompt:
    """One prompt of the benchmark, of a dataset's own, or of a gallery's prompt set.

    ``index`` counts from 0 in the official order, or in the set's; ``template`` is a sentence with the
    words ``{identifier}`` and ``{class_noun}``; ``kind`` is "recontextualization", "accessorization" or
    "property modification" (paper, section 4.1), or the title of the set's group.
    """

    index: int
    template: str
    kind: str

    def text(self, class_noun: str | None, identifier: str | None = None) -> str:
        """Return the sentence; a missing identifier or class noun goes together with its space.

        ``text("dog")`` is "a dog in the jungle", ``text("dog", "sks")`` is "a sks dog in the jungle",
        ``text(None, "sks")`` is "a sks in the jungle". Raises DreambenchError where both are missing, and
        where an identifier has no place in the sentence.
        """
        if identifier and "{identifier}" not in self.template:
            raise DreambenchError(
                f"prompt {self.index} ({self.template}) does not name the subject",
                "leave it out with --prompts, or use a method without an identifier",
            )
        words = {"identifier": (identifier or "").strip(), "class_noun": (class_noun or "").strip()}
        if not any(words.values()):
            raise DreambenchError(
                f"prompt {self.index} ({self.template}) has no subject", "give a class noun or an identifier"
            )

        def fill(place: re.Match[str]) -> str:
            name = place[1] or place[2]
            return place[0].replace(f"{{{name}}}", words[name]) if words[name] else ""

        return _PLACE.sub(fill, self.template).strip()


@cache
def official_prompts(category: Category) -> tuple[Prompt, ...]:
    """Return the 25 prompts of a category in the official order (paper, section 4.1 and supplement)."""
    if category not in CATEGORIES:
        raise DreambenchError(f"category {category!r} is unknown", f"known: {', '.join(CATEGORIES)}")
    by_kind: dict[str, list[str]] = read_yaml(data_folder() / "prompts" / f"{category}.yaml")["prompts"]
    pairs = [(template, kind) for kind, templates in by_kind.items() for template in templates]
    return tuple(Prompt(index, template, kind) for index, (template, kind) in enumerate(pairs))


def select_prompts(prompts: Sequence[Prompt], selection: str) -> tuple[Prompt, ...]:
    """Return the prompts that a selection such as "all", "7" or "0-4,7" names, in the order asked.

    Indices count from 0, both ends of a range are included. Raises DreambenchError where the selection
    is empty, malformed, reversed, out of range, or names a prompt twice.
    """
    return tuple(prompts[index] for index in selected(len(prompts), selection))


def selected(count: int, selection: str) -> list[int]:
    """Return the indices, of ``count``, that a selection names. Raises as ``select_prompts`` does."""
    if selection.strip() == "all":
        return list(range(count))
    last = count - 1
    form = f"write `all`, or indices and ranges from 0 to {last} such as `0-4,7`"
    chosen: list[int] = []
    for item in selection.split(","):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            raise DreambenchError(f"prompts {selection!r}: {item.strip()!r} is not an index or a range", form)
        start = int(match[1])
        stop = int(match[2]) if match[2] else start
        if stop < start:
            raise DreambenchError(f"prompts {selection!r}: the range {item.strip()!r} is reversed", form)
        if stop > last:
            raise DreambenchError(f"prompts {selection!r}: there is no prompt {stop}", form)
        twice = [index for index in range(start, stop + 1) if index in chosen]
        if twice:
            raise DreambenchError(f"prompts {selection!r}: prompt {twice[0]} is named twice", form)
        chosen.extend(range(start, stop + 1))
    return chosen


def canonical_selection(count: int, selection: str) -> str:
    """Return a selection of ``count`` prompts as a run's log has it: "all", or indices, ascending."""
    indices = sorted(selected(count, selection))
    return "all" if len(indices) == count else ",".join(map(str, indices))
