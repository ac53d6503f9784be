"""A dataset in memory: subjects, their photos, and which of a subject's prompts a caption is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dreambench.dataset.prompts import Category, Prompt, official_prompts
from dreambench.errors import DreambenchError, did_you_mean
from dreambench.paths import text_sha256

_MAX_IDENTIFIER_WORDS = 3


@dataclass(frozen=True)
class Photo:
    """A real photo: its file, and the SHA-256 of the file's bytes in hexadecimal."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Subject:
    """One subject: its name (the folder's), class noun, category, and photos sorted by file name.

    ``own_prompts`` are those of its dataset, where it has its own; their indices count from 0. ``parts`` are
    the subjects that its images show together, of a pair.
    """

    name: str
    class_noun: str
    category: Category
    photos: tuple[Photo, ...]
    own_prompts: tuple[Prompt, ...] = ()
    parts: tuple[Subject, ...] = ()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The dataset's own prompts, or the official 25 of the subject's category."""
        return self.own_prompts or official_prompts(self.category)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one file or folder of a dataset (``file`` is relative to the dataset's folder)."""

    file: str
    problem: str


@dataclass(frozen=True)
class Dataset:
    """Subjects with photos.

    ``name`` is "dreambooth" for the official dataset, else the folder's name; ``version`` is the
    official commit (7 hexadecimal digits) or the start of ``fingerprint``, which covers every
    subject's name, class noun, category, photo file names, photo bytes and own prompts. ``subjects`` are in
    the official order, or in that of the user's ``subjects.csv``.
    """

    name: str
    version: str
    fingerprint: str
    folder: Path
    subjects: tuple[Subject, ...]

    @property
    def label(self) -> str:
        """Name and version in one word, such as "dreambooth@4f887af"."""
        return f"{self.name}@{self.version}"

    def __getitem__(self, name: str) -> Subject:
        for subject in self.subjects:
            if subject.name == name:
                return subject
        names = [subject.name for subject in self.subjects]
        hint = did_you_mean(name, names, cutoff=0.4)
        raise DreambenchError(
            f"subject {name!r} is not in the dataset {self.label}", f"{hint}`dreambench data show` lists them"
        )

    def select(self, names: str | Sequence[str]) -> tuple[Subject, ...]:
        """Return the subjects named by "all", by "dog,cat" or by a sequence of names, in the order asked.

        Raises DreambenchError for an unknown name (naming the nearest one), a name given twice, and
        an empty selection.
        """
        if isinstance(names, str):
            whole = names.strip()
            # A user's subject may have a comma in its name.
            known = any(subject.name == whole for subject in self.subjects)
            names = [whole] if known else [name.strip() for name in whole.split(",")]
        if list(names) == ["all"]:
            return self.subjects
        if not names or not all(names):
            raise DreambenchError("an empty name in the selection of subjects", "write `all`, or `dog,cat`")
        twice = [name for position, name in enumerate(names) if name in names[:position]]
        if twice:
            raise DreambenchError(f"subject {twice[0]!r} is selected twice", "name each subject once")
        return tuple(self[name] for name in names)


def fingerprint_of(rows: Iterable[tuple[str, str, str, str, str]]) -> str:
    """Return the SHA-256 over sorted rows, one per photo.

    A row is (subject, class noun, category, photo file name, photo SHA-256).
    """
    canonical = json.dumps(sorted(rows), ensure_ascii=True, separators=(",", ":"))
    return text_sha256(canonical)


def subject_rows(subjects: Iterable[Subject]) -> list[tuple[str, str, str, str, str]]:
    """Return one row per photo, and per prompt of a dataset's own, in the form of ``fingerprint_of``."""
    rows: list[tuple[str, str, str, str, str]] = []
    for subject in subjects:
        known: tuple[str, str, str] = (subject.name, subject.class_noun, subject.category)
        rows += [(*known, photo.path.name, photo.sha256) for photo in subject.photos]
        rows += [(*known, f"prompt {prompt.index}", prompt.template) for prompt in subject.own_prompts]
    return rows


def match_prompt(text: str, subject: Subject) -> Prompt | None:
    """Return the prompt of ``subject`` that a caption is, or None.

    "a sks dog in the snow" and "a dog in the snow" are the same prompt of a dog: up to 3 words before the
    class noun are taken as an identifier. Case and spacing do not count. Of several readings the one with
    the fewest identifier words counts: "a red dog" is the prompt "red", never a dog called "red".
    """
    words, noun = text.casefold().split(), subject.class_noun.casefold().split()
    slots = [(_identifier_words(words, prompt, noun), prompt) for prompt in subject.prompts]
    read = [(len(slot), prompt) for slot, prompt in slots if slot is not None]
    fewest, found = min(read, key=lambda pair: pair[0], default=(0, None))
    return found if fewest <= _MAX_IDENTIFIER_WORDS else None


def _identifier_words(words: list[str], prompt: Prompt, noun: list[str]) -> list[str] | None:
    """Return the words in the identifier's place if the rest is ``prompt`` with this class noun."""
    parts = prompt.template.casefold().split("{identifier} {class_noun}")
    if len(parts) != 2:  # a dataset's own prompt that names the subject in another way, or not at all
        return [] if words == prompt.text(" ".join(noun)).casefold().split() else None
    before, after = parts
    head, tail = before.split(), noun + after.split()
    end = len(words) - len(tail)
    if end < len(head) or words[: len(head)] != head or words[end:] != tail:
        return None
    return words[len(head) : end]
