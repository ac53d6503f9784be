"""Images of other people's methods: a folder, a table or images in memory, as the benchmark's images."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dreambench.dataset import Dataset, Subject, match_prompt
from dreambench.errors import DreambenchError
from dreambench.methods.method import SubjectPhrase
from dreambench.metrics.scoring import BenchmarkImage, PriorImage
from dreambench.paths import refuse_special
from dreambench.runs.prepare import chosen_subjects
from dreambench.runs.requests import expected_cells
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder

_NAME = re.compile(r"([0-9]{1,3})-([0-9]{1,3})")
_PRIOR = re.compile(r"class-([0-9]{1,5})")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
_FORM = "give FOLDER/<subject>/<prompt_index>-<image_index>.png"
#: A subject, a prompt index (None: an image of the class noun, for PRES) and an image index.
Cell = tuple[str, int | None, int]


@dataclass
class Submission:
    """Images by the cell that each claims: files, or PIL images. ``places`` says where each was named.

    ``name`` is the submission's name in tables, ``source`` where it came from, or a hash of images in memory.
    """

    name: str
    source: str = ""
    images: dict[Cell, Any] = field(default_factory=dict)
    places: dict[Cell, str] = field(default_factory=dict)

    def add(self, cell: Cell, image: Any, place: str) -> None:
        """Add an image that was named at ``place``. Raises DreambenchError where the cell is taken."""
        if cell in self.places:
            raise DreambenchError(
                f"{place}: the image of {self.places[cell]} once more", "remove one of the two"
            )
        self.images[cell], self.places[cell] = image, place

    @property
    def label(self) -> str:
        """The name in a folder's name; two submissions in memory have different ones."""
        return f"{self.name}-{self.source[7:15]}" if self.source.startswith("sha256:") else self.name

    def file(self, cell: Cell, run: RunFolder) -> Path | None:
        """Return the file of a cell's image: the user's, or one in the run folder; None without an image."""
        image = self.images.get(cell)
        if image is None or isinstance(image, Path):
            return image
        subject, prompt, index = cell
        return run.prior_file(subject, index) if prompt is None else run.image_file(subject, prompt, index)

    def write_images(self, run: RunFolder) -> None:
        """Write the images that are in memory into the run folder as PNG, subject by subject."""
        by_subject: dict[str, dict[Path, Any]] = {}
        for cell, image in self.images.items():
            file = self.file(cell, run)
            if file is not None and not isinstance(image, Path):
                by_subject.setdefault(cell[0], {})[file] = image.convert("RGB")
        for images in by_subject.values():
            run.commit_images(images)


def read_submission(source: Any, dataset: Dataset) -> Submission:
    """Read a folder, a CSV file, a DataFrame, or a mapping ``{subject: {prompt: [images]}}``.

    Raises DreambenchError naming the file, the line, the row or the subject that is wrong.
    """
    subjects = {s.name: s for s in dataset.subjects}
    if isinstance(source, str | Path):
        path = Path(source)
        resolved = path.resolve()
        name = resolved.parent.name if resolved.name == "images" else resolved.stem
        found = Submission(name, str(resolved))
        if path.is_file() or path.suffix.lower() == ".csv":
            _read_rows(found, _csv_rows(path), subjects)
        else:
            _read_folder(found, path, set(subjects))
    else:
        found = Submission("images")
        rows = _nested_rows(source) if isinstance(source, Mapping) else _frame_rows(source)
        _read_rows(found, rows, subjects)
        found.source = _digest(found)
    if not found.images:
        raise DreambenchError(f"{found.source or 'the source'} contains no image", _FORM)
    return found


def _digest(found: Submission) -> str:
    whole = hashlib.sha256()
    for cell, image in sorted(found.images.items(), key=lambda entry: str(entry[0])):
        content = (
            str(image.resolve()).encode()
            if isinstance(image, Path)
            else f"{image.mode} {image.size}".encode() + image.tobytes()
        )
        whole.update(f"{cell}\n".encode() + hashlib.sha256(content).digest())
    return f"sha256:{whole.hexdigest()}"


def _read_folder(found: Submission, folder: Path, known: set[str]) -> None:
    """Read ``FOLDER/<subject>/<prompt_index>-<image_index>.png|jpg|webp``, and ``class-<index>`` for PRES."""
    if not folder.is_dir():
        raise DreambenchError(f"{folder} is not a folder", _FORM)
    for inside in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if inside.name not in known:
            raise DreambenchError(
                f"{inside}: the dataset has no subject {inside.name!r}",
                "rename the folder, give --data for your own subjects, or list files with --manifest",
            )
        for file in sorted(inside.iterdir()):
            if file.suffix.lower() in _SUFFIXES and not file.name.startswith("."):
                found.add(_cell_of(file, inside.name), file, str(file))


def _cell_of(file: Path, subject: str) -> Cell:
    if match := _NAME.fullmatch(file.stem):
        return subject, int(match[1]), int(match[2])
    if match := _PRIOR.fullmatch(file.stem):
        return subject, None, int(match[1])
    raise DreambenchError(
        f"{file}: the file name does not follow SUBJECT/PROMPT-IMAGE.png",
        "name it <prompt_index>-<image_index>, such as 07-2.png",
    )


#: A row's fields, and its place for messages.
Rows = Iterator[tuple[Mapping[str, Any], str]]


def _csv_rows(path: Path) -> Rows:
    """Yield the lines of a CSV file; its files are relative to its folder and must lie inside it."""
    refuse_special(path, "--manifest")
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(text.splitlines())
        rows, header = list(reader), list(reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DreambenchError(
            f"--manifest {path} cannot be read: {why}", "give a CSV file in UTF-8"
        ) from error
    if twice := [name for name in header if header.count(name) > 1]:
        raise DreambenchError(f"{path}: the column {twice[0]!r} is there twice", "leave one out")
    _check_columns(str(path), set(rows[0]) if rows else set())
    lines: dict[Path, int] = {}
    for line, row in enumerate(rows, start=2):
        place = f"{path} line {line}"
        if None in row or None in row.values():
            raise DreambenchError(f"{place} has another number of fields than the header", "fix the line")
        file = (path.parent / row["file"]).resolve()
        if not file.is_relative_to(path.parent.resolve()):
            raise DreambenchError(
                f"{place}: {row['file']} lies outside {path.parent}", "move it, or the CSV file"
            )
        _refuse_absent(file, row["file"], place)
        if file in lines:
            raise DreambenchError(f"{place}: {row['file']} is in line {lines[file]} already", "leave one out")
        lines[file] = line
        yield {**row, "image": file}, place


def _frame_rows(frame: Any) -> Rows:
    """Yield the rows of a DataFrame; its files are relative to the working folder."""
    if not hasattr(frame, "to_dict") or not hasattr(frame, "columns"):
        raise DreambenchError(
            f"{type(frame).__name__} cannot be scored",
            "give a folder, a CSV file, a DataFrame, or {subject: {prompt: [images]}}",
        )
    _check_columns("the DataFrame", set(frame.columns))
    for number, row in enumerate(frame.to_dict("records")):
        place = f"row {number} of the DataFrame"
        row = {name: value for name, value in row.items() if value == value}  # NaN: not given
        image = row.get("image")
        if image is None:
            image = Path(str(row.get("file", ""))).resolve()
            _refuse_absent(image, str(row.get("file")), place)
        yield {**row, "image": image}, place


def _nested_rows(images: Mapping[str, Mapping[Any, Any]]) -> Rows:
    for subject, prompts in images.items():
        if not isinstance(prompts, Mapping):
            raise DreambenchError(f"{subject}: its prompts are not a dict", "give {prompt: [images]}")
        for prompt, listed in prompts.items():
            column = "prompt_index" if isinstance(prompt, int) else "prompt"
            for number, image in enumerate(listed):
                yield (
                    {"subject": subject, column: prompt, "image": image},
                    f"{subject}, prompt {prompt!r}, image {number}",
                )


def _check_columns(place: str, columns: set[str]) -> None:
    known = {"file", "image", "subject", "prompt_index", "prompt", "image_index"}
    has_images = bool(columns & {"file", "image"}) and "subject" in columns
    if not has_images or not columns & {"prompt_index", "prompt"} or columns - known:
        raise DreambenchError(
            f"{place}: the columns are {', '.join(sorted(map(str, columns))) or 'none'}",
            "needed: file,subject and prompt_index or prompt; image_index is optional",
        )


def _read_rows(found: Submission, rows: Rows, subjects: Mapping[str, Subject]) -> None:
    """Add rows to a submission. Without ``image_index``, a prompt's images are numbered in their order."""
    counts: dict[tuple[str, int], int] = {}
    for row, place in rows:
        subject = subjects.get(str(row.get("subject", "")).strip())
        if subject is None:
            raise DreambenchError(
                f"{place}: the dataset has no subject {row.get('subject')!r}", "see `dreambench data show`"
            )
        image = row["image"]
        if not isinstance(image, Path) and not hasattr(image, "convert"):
            raise DreambenchError(
                f"{place}: {type(image).__name__} is not an image",
                "give a PIL image, such as Image.open(FILE)",
            )
        prompt = _prompt_index(row, subject, place)
        number = counts.get((subject.name, prompt), 0)
        counts[subject.name, prompt] = number + 1
        given = row.get("image_index")
        index = number if given in (None, "") else _integer(given, "image_index", place)
        found.add((subject.name, prompt, index), image, place)


def _prompt_index(row: Mapping[str, Any], subject: Subject, place: str) -> int:
    given, text = row.get("prompt_index"), str(row.get("prompt") or "")
    prompt = match_prompt(text, subject) if text else None
    if given not in (None, ""):
        index = _integer(given, "prompt_index", place)
        if prompt is not None and prompt.index != index:
            raise DreambenchError(
                f"{place}: prompt_index {index}, but {text[:80]!r} is prompt {prompt.index}",
                "fix one of them",
            )
        return index
    if prompt is None:
        raise DreambenchError(
            f"{place}: {text[:200]!r} is not an official prompt of {subject.name} "
            f"(class noun {subject.class_noun!r})",
            "see `dreambench data show --prompts`, or give prompt_index",
        )
    return prompt.index


def _integer(value: Any, column: str, place: str) -> int:
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise DreambenchError(f"{place}: {column} {value!r} is not a number from 0", "fix the line")
    return int(text)


def _refuse_absent(file: Path, name: str, place: str) -> None:
    if not file.is_file():
        raise DreambenchError(f"{place}: {name} does not exist", "fix the path, or leave the line out")


def expected_images(
    found: Submission, spec: RunSpec, dataset: Dataset, run: RunFolder
) -> tuple[list[BenchmarkImage], list[PriorImage]]:
    """Return the benchmark's images with the submission's files; a missing one has ``file`` None.

    Images of subjects or prompts that the spec leaves out are left out. Raises DreambenchError for a prompt
    index beyond 24, or an image index beyond ``images_per_prompt``.
    """
    for cell, place in found.places.items():
        _check_range(cell, place, spec)
    subjects = chosen_subjects(spec, dataset)
    cells = [
        replace(cell, seed=None, file=found.file((cell.subject, cell.prompt_index, cell.image_index), run))
        for subject in subjects
        for cell in expected_cells(
            spec, subject, SubjectPhrase(spec.identifier.text, subject.class_noun), run
        )
    ]
    wanted = {subject.name for subject in subjects}
    files = [(cell, found.file(cell, run)) for cell in found.images if cell[1] is None and cell[0] in wanted]
    return cells, [PriorImage(cell[0], cell[2], file) for cell, file in files if file is not None]


def _check_range(cell: Cell, place: str, spec: RunSpec) -> None:
    _, prompt_index, image_index = cell
    if prompt_index is None:
        return
    if prompt_index > 24:
        raise DreambenchError(f"{place}: prompt_index {prompt_index} is not 0 to 24", "count from 0")
    if image_index >= spec.images_per_prompt:
        raise DreambenchError(
            f"{place}: image_index {image_index}, but {spec.images_per_prompt} images per prompt",
            f"count from 0, or --set images_per_prompt={image_index + 1}",
        )
