"""Images of other people's methods: a folder, a table or images in memory, as the benchmark's images."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import Any

from PIL import Image

from dreambench.dataset import Dataset, Subject, as_rgb, match_prompt
from dreambench.errors import DreambenchError, did_you_mean
from dreambench.methods.method import SubjectPhrase
from dreambench.metrics.scoring import SubjectImages
from dreambench.runs.class_images import class_caption
from dreambench.runs.requests import expected_cells
from dreambench.runs.submissions.layouts import (
    FORM,
    SubmittedCell,
    read_layout,
    subject_hint,
    subject_named,
    written_name,
)
from dreambench.runs.submissions.manifests import KINDS, Rows, exists, frame_rows, is_manifest, manifest_rows
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder
from dreambench.store.files import commit_images


@dataclass
class Submission:
    """Images by cell: files, or PIL images. ``places`` says where each was listed.

    ``name`` is the submission's name in tables, ``source`` where it came from, or a hash of images in memory.
    ``notices`` are lines for the user.
    """

    name: str
    source: str = ""
    images: dict[SubmittedCell, Any] = field(default_factory=dict)
    places: dict[SubmittedCell, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def add(self, cell: SubmittedCell, image: Any, place: str) -> None:
        """Add an image that was listed at ``place``. Raises DreambenchError if the cell is taken."""
        if cell in self.places:
            taken = f"{place}: same subject, prompt and image as {self.places[cell]}"
            raise DreambenchError(taken, "remove one of the two")
        self.images[cell], self.places[cell] = image, place

    @property
    def label(self) -> str:
        """The name for a folder; submissions in memory, and manifests of different kinds, have their own."""
        if self.source.startswith("sha256:"):
            return f"{self.name}-{self.source[7:15]}"
        kind = Path(self.source).suffix
        return f"{self.name}-{kind[1:]}" if kind in KINDS - {".csv"} else self.name

    def file(self, cell: SubmittedCell, run: RunFolder) -> Path | None:
        """Return the file of a cell's image: the user's, or one in the run folder; None without an image."""
        image = self.images.get(cell)
        if image is None or isinstance(image, Path):
            return image
        subject, prompt, index = cell
        return run.prior_file(subject, index) if prompt is None else run.image_file(subject, prompt, index)

    def write_images(self, run: RunFolder) -> None:
        """Write the images in memory to the run folder as PNG, subject by subject."""
        by_subject: dict[str, dict[Path, Any]] = {}
        for cell, image in self.images.items():
            file = self.file(cell, run)
            if file is not None and not isinstance(image, Path):
                by_subject.setdefault(cell[0], {})[file] = image
        for images in by_subject.values():
            commit_images(images)


def read_submission(
    source: Any, dataset: Dataset, pattern: str | None = None, root: Path | None = None
) -> Submission:
    """Read a folder, a manifest, a DataFrame, or a mapping ``{subject: {prompt: [images]}}``.

    ``pattern`` describes a folder's file names, ``root`` is the folder that a manifest's files are relative
    to. Raises DreambenchError naming the wrong file, line, row or subject.
    """
    subjects = {s.name: s for s in dataset.subjects}
    if isinstance(source, str | Path):
        path = Path(source)
        resolved = path.resolve()
        name = resolved.parent.name if resolved.name == "images" else resolved.stem
        found = Submission(name, str(resolved))
        if is_manifest(path):
            _read_rows(found, manifest_rows(path, root, found.notices), subjects)
        else:
            for cell, file in read_layout(path, dataset.subjects, pattern):
                found.add(cell, file, str(file))
    else:
        found = Submission("images")
        rows = _nested_rows(source) if isinstance(source, Mapping) else frame_rows(source)
        _read_rows(found, rows, subjects)
    if not found.images:
        raise DreambenchError(f"{found.source or 'the source'} contains no image", FORM)
    found.source = found.source or _digest(found)
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


def _nested_rows(images: Mapping[str, Mapping[Any, Any]]) -> Rows:
    for subject, prompts in images.items():
        if not isinstance(prompts, Mapping):
            raise DreambenchError(f"{subject}: its prompts are not a dict", "give {prompt: [images]}")
        for prompt, listed in prompts.items():
            if isinstance(listed, str) or not isinstance(listed, Iterable):
                raise DreambenchError(
                    f"{subject}, prompt {prompt!r}: its images are not a list", "give {prompt: [images]}"
                )
            column = "prompt_index" if isinstance(prompt, Integral) else "prompt"
            for number, image in enumerate(listed):
                yield (
                    {"subject": subject, column: prompt, "image": image},
                    f"{subject}, prompt {prompt!r}, image {number}",
                )


def _read_rows(found: Submission, rows: Rows, subjects: Mapping[str, Subject]) -> None:
    """Add rows to a submission. Without ``image_index``, a prompt's images are numbered in their order."""
    counts: dict[tuple[str, int], int] = {}
    for row, place in rows:
        name = written_name(row.get("subject", ""))
        subject = subject_named(name, subjects)
        if subject is None:
            hint = f"{subject_hint(name, subjects)}see `dreambench data show`"
            raise DreambenchError(f"{place}: the dataset has no subject {name[:80]!r}", hint)
        image = Path(row["image"]) if isinstance(row["image"], str) else row["image"]
        if isinstance(image, Image.Image):
            image = as_rgb(image, f"{place}: the image")
        elif not isinstance(image, Path):
            raise DreambenchError(
                f"{place}: {type(image).__name__} is not an image",
                "give a PIL image, or a file's path",
            )
        elif not exists(image):
            raise DreambenchError(f"{place}: {str(image)[:200]} does not exist", "fix it, or leave it out")
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
    if prompt is None and text.casefold() == class_caption(subject.class_noun).casefold():
        raise DreambenchError(
            f"{place}: {text[:80]!r} is the bare class, and only a folder can have its images",
            "score a folder that has them as FOLDER/<subject>/class-000.png, class-001.png, ...",
        )
    if prompt is None:
        texts = [prompt.text(subject.class_noun) for prompt in subject.prompts]
        hint = did_you_mean(text, texts, cutoff=0.5)
        raise DreambenchError(
            f"{place}: {text[:200]!r} is not an official prompt of {subject.name} "
            f"(class noun {subject.class_noun!r})",
            f"{hint}see `dreambench data show --prompts`, or give prompt_index",
        )
    return prompt.index


def _integer(value: Any, column: str, place: str) -> int:
    text = str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
    # pandas writes 0.0 where another row of the column is empty.
    found = re.fullmatch(r"([0-9]{1,4})(\.0*)?", text)
    if not found:
        raise DreambenchError(f"{place}: {column} {text[:80]!r} is not a number from 0", "fix the line")
    return int(found[1])


def expected_images(
    found: Submission, spec: RunSpec, dataset: Dataset, run: RunFolder
) -> dict[str, SubjectImages]:
    """Return each subject's images with the submission's files; a missing cell has ``file`` None.

    Images of subjects or prompts that the spec omits are omitted. Raises DreambenchError for a prompt index
    that is not the subject's, or an image index that is not below ``images_per_prompt``.
    """
    if spec.protocol.caption == "identifier" and spec.identifier.text is None:
        raise DreambenchError(
            "protocol.caption=identifier needs the identifier that the images were made with",
            "name it with --set identifier.text=WORD",
        )
    prompts = {subject.name: len(subject.prompts) for subject in dataset.subjects}
    most = 1 + max((index for _, prompt, index in found.places if prompt is not None), default=-1)
    for cell, place in found.places.items():
        _check_range(cell, place, prompts[cell[0]], spec, most)
    images = {}
    for subject in dataset.select(spec.subjects):
        words = SubjectPhrase(spec.identifier.text, subject.class_noun)
        cells = [
            replace(c, seed=None, file=found.file((c.subject, c.prompt_index, c.image_index), run))
            for c in expected_cells(spec, subject, words, run)
        ]
        priors = {
            number: file
            for name, prompt, number in found.images
            if (name, prompt) == (subject.name, None) and (file := found.file((name, None, number), run))
        }
        photos_of = {part.name: [p.path for p in part.photos] for part in subject.parts}
        images[subject.name] = SubjectImages(cells, [p.path for p in subject.photos], priors, (), photos_of)
    return images


def _check_range(cell: SubmittedCell, place: str, prompts: int, spec: RunSpec, most: int) -> None:
    _, prompt_index, image_index = cell
    if prompt_index is None:
        return
    if prompt_index >= prompts:
        last = prompts - 1
        raise DreambenchError(f"{place}: prompt_index {prompt_index} is not 0 to {last}", "count from 0")
    if image_index >= spec.images_per_prompt:
        raise DreambenchError(
            f"{place}: image_index {image_index} is not 0 to {spec.images_per_prompt - 1}",
            f"count from 0, or give --images-per-prompt {most}",
        )
