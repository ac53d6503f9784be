"""Prompt sets of a gallery: the paper's applications, or a user's own YAML file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dreambench.dataset.prompts import CATEGORIES, PLACEHOLDERS, Category, Prompt
from dreambench.errors import DreambenchError, did_you_mean
from dreambench.paths import data_folder, expanded, read_yaml

_REMEDY = "docs/gallery.md shows the form of a prompt file"
_MAX_LENGTH = 1000


class _PromptModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PromptGroup(_PromptModel):
    """Prompts that stand on one contact sheet.

    ``name`` is plain enough for a file's name, and unique in its set; ``suits`` are the categories of
    subjects that are asked these prompts.
    """

    name: str
    title: str
    source: str
    suits: tuple[Category, ...]
    prompts: tuple[Prompt, ...]


class PromptSet(_PromptModel):
    """A gallery's prompts, group by group; a prompt's ``index`` counts from 0 through the whole set."""

    name: str
    title: str
    source: str
    groups: tuple[PromptGroup, ...]

    def for_category(self, category: Category) -> tuple[PromptGroup, ...]:
        """Return the groups that suit a category of subjects."""
        return tuple(group for group in self.groups if category in group.suits)


def prompt_set_names() -> list[str]:
    """Return the names of the sets that come with the package."""
    official = {*CATEGORIES}  # the benchmark's own prompts, which `run` draws and scores
    return sorted(f.stem for f in (data_folder() / "prompts").glob("*.yaml") if f.stem not in official)


def read_prompt_set(name_or_file: str) -> PromptSet:
    """Read a prompt set by name, or a YAML file of the same form.

    A file has a ``title`` and ``prompts``, ``groups`` (each with a title and prompts) or ``include``
    (names, or files beside it); ``source`` and ``suits`` ([live, object]) may be left out. A prompt
    holds ``{identifier}`` and ``{class_noun}``. Raises DreambenchError naming file and field.
    """
    path = _find(name_or_file, Path())
    content = _read(path)
    groups = _named(_groups(path, content, (path.resolve(),)))
    return PromptSet(name=_plain(path.stem), title=content.title, source=content.source, groups=groups)


def _one_line(text: str) -> str:
    text = text.strip()
    if not text or len(text) > _MAX_LENGTH or not text.isprintable():
        raise ValueError(f"should be one line of text, of at most {_MAX_LENGTH} characters")
    return text


def _template(text: str) -> str:
    text = _one_line(text)
    for name in re.findall(r"\{[^{}]*\}", text):
        if name not in PLACEHOLDERS:
            raise ValueError(f"{name} is unknown in {text!r}; a prompt has {{identifier}} and {{class_noun}}")
    for name in PLACEHOLDERS:
        if name not in text:
            raise ValueError(f"{name} is missing in {text!r}")
    if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", text)):
        raise ValueError(f"a brace without its partner in {text!r}")
    return text


_Line = Annotated[str, AfterValidator(_one_line)]
_Suits = Annotated[list[Category], Field(min_length=1)]
_Templates = list[Annotated[str, AfterValidator(_template)]]


class _Group(_PromptModel):
    title: _Line
    source: str = ""
    suits: _Suits = list(CATEGORIES)
    prompts: Annotated[_Templates, Field(min_length=1)]


class _File(_Group):
    prompts: _Templates = []
    groups: list[_Group] = []
    include: list[_Line] = []


def _find(name: str, beside: Path) -> Path:
    if name in prompt_set_names():
        return data_folder() / "prompts" / f"{name}.yaml"
    path = beside / expanded(name)
    if path.is_file():
        return path
    known = prompt_set_names()
    raise DreambenchError(
        f"prompts {name!r} are neither a known set nor a file",
        f"{did_you_mean(name, known)}known: {', '.join(known)}",
    )


def _read(path: Path) -> _File:
    content: Any = read_yaml(path)
    if not isinstance(content, dict):
        raise DreambenchError(f"{path} contains no prompts", _REMEDY)
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise DreambenchError(f"{path}: field {_field(first['loc'])}: {_message(first)}", _REMEDY) from error
    if not (file.prompts or file.groups or file.include):
        raise DreambenchError(f"{path}: field prompts: is missing", _REMEDY)
    return file


def _field(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _message(error: Any) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "extra_forbidden":
        return "is unknown"
    message = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "should")
    # YAML takes an unquoted `{identifier} ...` at the beginning of a line for a mapping.
    return f"{message} (put it in quotes)" if error["type"] == "string_type" else message


def _groups(path: Path, file: _File, seen: tuple[Path, ...]) -> Iterator[PromptGroup]:
    parts = [(f"groups[{number}].", group) for number, group in enumerate(file.groups)]
    if file.prompts:
        own = _Group(title=file.title, source=file.source, suits=file.suits, prompts=file.prompts)
        parts.insert(0, ("", own))
    for place, group in parts:
        twice = [t for position, t in enumerate(group.prompts) if t in group.prompts[:position]]
        if twice:
            raise DreambenchError(f"{path}: field {place}prompts: {twice[0]!r} is there twice", _REMEDY)
        yield PromptGroup(
            name=_plain(group.title),
            title=group.title,
            source=group.source or file.source,
            suits=tuple(group.suits),
            prompts=tuple(Prompt(0, template, group.title) for template in group.prompts),
        )
    for number, name in enumerate(file.include):
        try:
            inside = _find(name, path.parent)
        except DreambenchError as error:
            raise DreambenchError(f"{path}: field include[{number}]: {error.message}", error.remedy) from None
        if inside.resolve() in seen:
            raise DreambenchError(f"{path}: field include[{number}]: {name} includes itself", _REMEDY)
        yield from _groups(inside, _read(inside), (*seen, inside.resolve()))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:40].strip("-") or "prompts"


def _named(groups: Iterable[PromptGroup]) -> tuple[PromptGroup, ...]:
    """Give every group a name of its own, and number the prompts through."""
    named: list[PromptGroup] = []
    count = 0
    for group in groups:
        name, number = group.name, 2
        while name in {other.name for other in named}:
            name, number = f"{group.name}-{number}", number + 1
        prompts = [Prompt(count + i, p.template, p.kind) for i, p in enumerate(group.prompts)]
        count += len(prompts)
        named.append(group.model_copy(update={"name": name, "prompts": tuple(prompts)}))
    return tuple(named)
