"""Other people's images: a folder or a CSV file, read into the benchmark's cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dreambench.dataset import Dataset, Subject, match_prompt
from dreambench.errors import DreambenchError
from dreambench.methods.method import SubjectPhrase
from dreambench.metrics.scoring import BenchmarkImage, PriorImage
from dreambench.runs.requests import expected_cells
from dreambench.runs.resolve import chosen_subjects
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder

_NAME = re.compile(r"(\d{1,3})-(\d{1,3})")
_PRIOR = re.compile(r"class-(\d{1,5})")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


@dataclass(frozen=True)
class Found:
    """One image of a submission: where it is, and which cell it claims (prior: no prompt)."""

    file: Path
    subject: str
    prompt_index: int | None
    image_index: int
    told_by: str


def read_folder(folder: Path, subjects: Iterable[str]) -> list[Found]:
    """Read ``FOLDER/<subject>/<prompt_index>-<image_index>.png|jpg|webp``, and ``class-<index>`` for PRES.

    Raises DreambenchError for a missing or empty folder, a subject folder that the dataset does not
    know, or an image whose name says no cell.
    """
    if not folder.is_dir():
        raise DreambenchError(
            f"--images {folder} is not a folder", "give FOLDER/<subject>/<prompt>-<image>.png"
        )
    known = set(subjects)
    found = []
    for inside in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if inside.name not in known:
            raise DreambenchError(
                f"{inside}: the dataset has no subject {inside.name!r}",
                "rename the folder, give --data for your own subjects, or list files with --manifest",
            )
        files = sorted(p for p in inside.iterdir() if p.suffix.lower() in _SUFFIXES and p.name[0] != ".")
        found += [_from_name(file, inside.name) for file in files]
    if not found:
        raise DreambenchError(f"{folder} holds no image", "give FOLDER/<subject>/<prompt>-<image>.png")
    return found


def _from_name(file: Path, subject: str) -> Found:
    if match := _NAME.fullmatch(file.stem):
        return Found(file, subject, int(match[1]), int(match[2]), str(file))
    if match := _PRIOR.fullmatch(file.stem):
        return Found(file, subject, None, int(match[1]), str(file))
    raise DreambenchError(
        f"{file}: the name says no cell", "call it <prompt_index>-<image_index>, such as 07-2.png"
    )


def read_manifest(path: Path, subjects: dict[str, Subject]) -> list[Found]:
    """Read a CSV file with the columns ``file,subject`` and ``prompt_index`` or ``prompt``.

    Files are relative to the CSV file's folder and must lie inside it. ``image_index`` is optional:
    without it, a prompt's images are numbered in the order of their rows. Raises DreambenchError naming
    the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DreambenchError(
            f"--manifest {path} cannot be read: {error}", "give a CSV file in UTF-8"
        ) from error
    rows = list(csv.DictReader(text.splitlines()))
    _check_header(path, set(rows[0]) if rows else set())
    counts: dict[tuple[str, int], int] = {}
    found: list[Found] = []
    lines: dict[Path, int] = {}
    for line, row in enumerate(rows, start=2):
        place = f"{path} line {line}"
        if None in row or None in row.values():
            raise DreambenchError(f"{place} has another number of fields than the header", "mend the line")
        subject = subjects.get(row["subject"].strip())
        if subject is None:
            raise DreambenchError(
                f"{place}: the dataset has no subject {row['subject']!r}", "see `dreambench data show`"
            )
        prompt = _prompt_index(row, subject, place)
        number = counts.get((subject.name, prompt), 0)
        counts[subject.name, prompt] = number + 1
        image = _integer(row["image_index"], "image_index", place) if row.get("image_index") else number
        file = _inside(path, row["file"], place)
        if file in lines:
            raise DreambenchError(f"{place}: {row['file']} is in line {lines[file]} already", "leave one out")
        lines[file] = line
        found.append(Found(file, subject.name, prompt, image, place))
    return found


def _check_header(path: Path, columns: set[str]) -> None:
    known = {"file", "subject", "prompt_index", "prompt", "image_index"}
    if not {"file", "subject"} <= columns or not columns & {"prompt_index", "prompt"} or columns - known:
        raise DreambenchError(
            f"{path}: the columns are {', '.join(sorted(columns)) or 'none'}",
            "needed: file,subject and prompt_index or prompt; image_index is optional",
        )


def _prompt_index(row: dict[str, str], subject: Subject, place: str) -> int:
    if row.get("prompt_index"):
        return _integer(row["prompt_index"], "prompt_index", place)
    prompt = match_prompt(row.get("prompt") or "", subject)
    if prompt is None:
        raise DreambenchError(
            f"{place}: {row.get('prompt')!r} is no official prompt of {subject.name}, a {subject.class_noun}",
            "see `dreambench data show --prompts`, or give prompt_index",
        )
    return prompt.index


def _integer(text: str, column: str, place: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text.strip()):
        raise DreambenchError(f"{place}: {column} {text!r} is no number from 0", "mend the line")
    return int(text)


def _inside(manifest: Path, name: str, place: str) -> Path:
    folder = manifest.parent.resolve()
    file = (folder / name).resolve()
    if not file.is_relative_to(folder):
        raise DreambenchError(f"{place}: {name} lies outside {manifest.parent}", "move it, or the CSV file")
    if not file.is_file():
        raise DreambenchError(f"{place}: {name} does not exist", "mend the path, or leave the line out")
    return file


def fill_cells(
    found: list[Found], spec: RunSpec, dataset: Dataset, run: RunFolder
) -> tuple[list[BenchmarkImage], list[PriorImage]]:
    """Put a submission's images into the expected cells; a cell without an image has ``file`` None.

    Images of subjects or prompts that the spec leaves out are left out. Raises DreambenchError for two
    images in one cell, for a prompt index beyond 24, or an image index beyond ``images_per_prompt``.
    """
    by_cell: dict[tuple[str, int | None, int], Found] = {}
    for item in found:
        _check_range(item, spec)
        place = (item.subject, item.prompt_index, item.image_index)
        if place in by_cell:
            raise DreambenchError(
                f"{item.told_by}: the cell of {by_cell[place].told_by} once more", "remove one of the two"
            )
        by_cell[place] = item
    cells = []
    for subject in chosen_subjects(spec, dataset):
        for cell in expected_cells(
            spec, subject, SubjectPhrase(spec.identifier.text, subject.class_noun), run
        ):
            item_here = by_cell.get((cell.subject, cell.prompt_index, cell.image_index))
            cells.append(replace(cell, seed=None, file=item_here.file if item_here else None))
    wanted = {subject.name for subject in chosen_subjects(spec, dataset)}
    priors = [
        PriorImage(f.subject, f.image_index, f.file)
        for f in found
        if f.prompt_index is None and f.subject in wanted
    ]
    return cells, priors


def _check_range(item: Found, spec: RunSpec) -> None:
    if item.prompt_index is None:
        return
    if item.prompt_index > 24:
        raise DreambenchError(
            f"{item.told_by}: prompt_index {item.prompt_index} is not 0 to 24", "count from 0"
        )
    if item.image_index >= spec.images_per_prompt:
        raise DreambenchError(
            f"{item.told_by}: image_index {item.image_index}, but {spec.images_per_prompt} images per prompt",
            f"count from 0, or --set images_per_prompt={item.image_index + 1}",
        )
