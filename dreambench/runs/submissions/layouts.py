"""Common layouts of image folders: the subject, prompt and number in each file's name.

They are tried in this order; the first one that fits every image is used:

1. ``SUBJECT/PROMPT-IMAGE.png`` with the prompt's index (our own), and ``SUBJECT/class-000.png`` for PRES;
2. ``SUBJECT/PROMPT/IMAGE.png``: a folder per prompt, by its index or its text; images are numbered in the
   order of their names, which may be seeds (as in DreamBench++);
3. ``SUBJECT_PROMPT_IMAGE.png`` in one folder (or with ``-``);
4. ``INDEX_RANK.png`` in one folder: 750 in the official order, 25 prompts per subject (as in UNO).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unicodedata import normalize

from dreambench.dataset import Subject, match_prompt
from dreambench.dataset.prompts import OFFICIAL_COUNT
from dreambench.errors import DreambenchError, did_you_mean
from dreambench.spec.protocol_spec import TOGETHER

SUFFIXES = frozenset(
    {*(".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"), *(".avif", ".heic", ".heif", ".tif", ".tiff")}
)
FORM = "give FOLDER/<subject>/<prompt_index>-<image_index>.png, or describe the file names with --pattern"
#: A subject, a prompt index (None: an image of the class noun, for PRES) and an image index.
SubmittedCell = tuple[str, int | None, int]
_INDEX = re.compile(r"[0-9]{1,4}")
#: Images of unrelated prompts, which a run of ours may have beside the others.
_DRIFT = re.compile(r"[^/]+/drift-(base-)?([0-9]{2,3}|[0-9a-f]{8})\.png")


def subject_named(name: str, subjects: Mapping[str, Subject]) -> Subject | None:
    """Return a subject by its name.

    Case is ignored unless it distinguishes two subjects, and so is how Unicode composes an accent: file
    names from a Mac have its parts.
    """
    if name in subjects:
        return subjects[name]
    alike = [subject for known, subject in subjects.items() if _folded(known) == _folded(name)]
    return alike[0] if len(alike) == 1 else None


def written_name(given: Any) -> str:
    """Return the name of a subject in a list of images; two subjects of an image may be a list of names."""
    return TOGETHER.join(map(str, given)) if isinstance(given, list | tuple) else str(given).strip()


def subject_hint(name: str, subjects: Mapping[str, Subject]) -> str:
    """Return the beginning of a remedy for a name that no subject has: a near one, or the right protocol."""
    if with_it := [each.name for each in subjects.values() if name in (part.name for part in each.parts)]:
        return f"the protocol is for images of two subjects, such as {with_it[0]}; "
    if TOGETHER in name and all(part in subjects for part in name.split(TOGETHER)):
        return "images of two subjects need a protocol of pairs, such as --protocol uno-multi; "
    turned = TOGETHER.join(reversed(name.split(TOGETHER)))
    if turned in subjects:
        return f"the pair is called {turned}; "
    return did_you_mean(name, subjects, cutoff=0.5)


def _folded(name: str) -> str:
    return normalize("NFC", name).casefold()


def prompt_index_of(text: str, subject: Subject) -> int | None:
    """Return the prompt index in a part of a name: a number, or a prompt's text, also with underscores."""
    if _INDEX.fullmatch(text):
        return int(text)
    for written in (text, text.replace("_", " ").replace("-", " ")):
        prompt = match_prompt(written, subject)
        if prompt is not None:
            return prompt.index
    return None


def read_layout(
    folder: Path, subjects: Sequence[Subject], pattern: str | None = None
) -> Iterator[tuple[SubmittedCell, Path]]:
    """Yield the cell of every image below a folder; ``pattern`` may describe the file names.

    Raises DreambenchError if the folder does not exist or contains no image, or if a name fits no layout: the
    message says how many images were found, which one does not fit, and what the closest name is.
    """
    if not folder.is_dir():
        raise DreambenchError(f"{folder} is not a folder", FORM)
    files = sorted(_images_below(folder))
    known = {subject.name: subject for subject in subjects}
    if not files:
        inside = [path.name for path in folder.iterdir() if path.is_dir()]
        if wrong := [name for name in inside if subject_named(name, known) is None]:
            raise DreambenchError(
                f"{folder / wrong[0]}: the dataset has no subject {wrong[0]!r}",
                f"{subject_hint(wrong[0], known)}{FORM}",
            )
        raise DreambenchError(f"{folder} contains no image", FORM)
    readers = [_by_pattern(pattern, known)] if pattern else _layouts(known, list(subjects))
    names = [file.relative_to(folder).with_suffix("") for file in files]
    fits = [[reader(name) for name in names] for reader in readers]
    best = max(fits, key=lambda cells: sum(cell is not None for cell in cells))
    if None in best:
        raise _misfit(folder, files, best, known, pattern)
    yield from _numbered(best, files)


def _images_below(folder: Path) -> Iterator[Path]:
    """Yield the images, also in folders that are links; not hidden ones, nor those of a run kept in there."""
    for top, folders, names in os.walk(folder, followlinks=True):
        inside = Path(top).relative_to(folder)
        above = [folder / parent for parent in inside.parents] if inside.parts else []
        circle = any(os.path.samefile(top, parent) for parent in above)  # of links
        if circle or ("run.json" in names and inside.parts):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in map(Path, names):
            apart = name.name.startswith(".") or _DRIFT.fullmatch((inside / name).as_posix())
            if name.suffix.lower() in SUFFIXES and not apart:
                yield folder / inside / name


Found = tuple[str, int | None, int | str]
Reader = Callable[[Path], Found | None]


def _numbered(cells: Sequence[Found | None], files: Sequence[Path]) -> Iterator[tuple[SubmittedCell, Path]]:
    """Number images that have a name instead of a number (such as a seed) in the order of their names."""
    counts: dict[tuple[str, int | None], int] = {}
    for cell, file in zip(cells, files, strict=True):
        assert cell is not None
        subject, prompt, image = cell
        if isinstance(image, str):
            counts[subject, prompt] = counts.get((subject, prompt), -1) + 1
            image = counts[subject, prompt]
        yield (subject, prompt, image), file


def _layouts(known: Mapping[str, Subject], subjects: list[Subject]) -> list[Reader]:
    def ours(name: Path) -> Found | None:
        subject = subject_named(name.parent.name, known)
        match = re.fullmatch(r"([0-9]{1,3}|class)-([0-9]{1,5})", name.name)
        if len(name.parts) != 2 or subject is None or match is None:
            return None
        return subject.name, None if match[1] == "class" else int(match[1]), int(match[2])

    def by_prompt(name: Path) -> Found | None:
        subject = subject_named(name.parts[0], known) if len(name.parts) == 3 else None
        index = prompt_index_of(name.parts[1], subject) if subject else None
        return None if subject is None or index is None else (subject.name, index, name.name)

    def official_order(name: Path) -> Found | None:
        match = re.fullmatch(r"([0-9]{1,3})_([0-9]{1,3})", name.name)
        place = divmod(int(match[1]), OFFICIAL_COUNT) if match else (len(subjects), 0)
        if len(name.parts) != 1 or match is None or place[0] >= len(subjects):
            return None
        return subjects[place[0]].name, place[1], int(match[2])

    flat = [
        _by_pattern("{subject}_{prompt}_{image}", known),
        _by_pattern("{subject}-{prompt}-{image}", known),
    ]
    return [ours, by_prompt, *flat, official_order]


def _by_pattern(pattern: str, known: Mapping[str, Subject]) -> Reader:
    """Return a pattern's reader. Raises DreambenchError if a placeholder is missing or unknown."""
    places = re.findall(r"\{(\w*)\}", pattern)
    if sorted(places) != ["image", "prompt", "subject"]:
        raise DreambenchError(
            f"--pattern {pattern} needs {{subject}}, {{prompt}} and {{image}}, each once",
            'such as --pattern "{subject}/{prompt}_{image}.png"',
        )
    stem = re.sub(r"\.\w{2,5}$", "", pattern)
    names = "|".join(re.escape(normalize("NFC", name)) for name in sorted(known, key=len, reverse=True))
    forms = {
        "subject": f"(?P<subject>{names})",
        "prompt": r"(?P<prompt>[^/]+?)",
        "image": r"(?P<image>[0-9]+)",
    }
    parts = re.split(r"\{(\w+)\}", stem)
    text = "".join(forms[part] if i % 2 else re.escape(part) for i, part in enumerate(parts))
    compiled = re.compile(text, re.IGNORECASE)

    def read(name: Path) -> Found | None:
        match = compiled.fullmatch(normalize("NFC", name.as_posix()))
        subject = subject_named(match["subject"], known) if match else None
        if match is None or subject is None:
            return None
        index = prompt_index_of(match["prompt"], subject)
        return None if index is None else (subject.name, index, int(match["image"]))

    return read


def _misfit(
    folder: Path,
    files: Sequence[Path],
    cells: Sequence[Found | None],
    known: Mapping[str, Subject],
    pattern: str | None,
) -> DreambenchError:
    odd = [file for file, cell in zip(files, cells, strict=True) if cell is None]
    seen = f"{len(odd)} of its {len(files)} images do not fit"
    parts = odd[0].relative_to(folder).parts
    subject = subject_named(parts[0], known) if len(parts) > 1 else None
    if parts[0] == "images" and (folder / "run.json").is_file():
        return DreambenchError(
            f"{folder} is a run, and its images are in a folder of it", f"give {folder}/images"
        )
    if pattern is not None:
        return DreambenchError(f"{folder}: {seen} --pattern {pattern}: {odd[0]}", "change the pattern")
    if len(parts) > 1 and subject is None:
        hint = subject_hint(parts[0], known)
        other = "rename the folder, give --data for your own subjects, or list files with --manifest"
        return DreambenchError(
            f"{odd[0].parent}: the dataset has no subject {parts[0]!r} ({seen})", f"{hint}{other}"
        )
    if len(parts) == 3 and subject is not None:
        texts = [prompt.text(subject.class_noun) for prompt in subject.prompts]
        hint = did_you_mean(parts[1], texts, cutoff=0.5) or "`dreambench data show --prompts` lists them"
        return DreambenchError(f"{odd[0].parent}: not a prompt of {subject.name} ({seen})", hint)
    return DreambenchError(
        f"{odd[0]}: the file name does not follow SUBJECT/PROMPT-IMAGE.png, such as 07-2.png ({seen})", FORM
    )
