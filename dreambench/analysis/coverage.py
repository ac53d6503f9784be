"""Which images a run should have, which of them are scored, and the resulting signature."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from dreambench.analysis.score_tables import image_metrics
from dreambench.dataset.prompts import OFFICIAL_COUNT, selected
from dreambench.errors import DreambenchError
from dreambench.spec.presets import protocol_spec
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.protocols import protocol_label
from dreambench.spec.registries import get_metric, standard_metrics
from dreambench.spec.signature import (
    cells_digest,
    format_signature,
    signature_differences,
    signature_fields,
)
from dreambench.store import RunFolder, RunRecord

OFFICIAL_SUBJECTS = 30
OFFICIAL_IMAGES = 4
Cell = tuple[str, int, int]


@dataclass(frozen=True)
class Coverage:
    """How many cells (subject, prompt, image) each subject has, and how many of them are scored."""

    expected: dict[str, int]
    scored: dict[str, int]

    @property
    def n_images(self) -> int:
        """The number of scored images."""
        return sum(self.scored.values())

    @property
    def unscored(self) -> int:
        """The number of expected images without a full set of scores."""
        return sum(self.expected.values()) - self.n_images

    @property
    def absent(self) -> list[str]:
        """The subjects without a single scored image."""
        return [name for name, count in self.expected.items() if count and not self.scored[name]]

    @property
    def incomplete(self) -> dict[str, int]:
        """The subjects that are partly scored, with the number of their unscored images."""
        left = {name: count - self.scored[name] for name, count in self.expected.items()}
        return {name: count for name, count in left.items() if count and self.scored[name]}


def is_scored(images: pd.DataFrame, record: RunRecord) -> pd.Series:
    """Return a mask over the rows of the images table: True for rows with all requested image scores.

    An image that lacks one of them counts as unscored, so 0 unscored means that no mean omits an image. If
    the run has no image metric (only DIV or PRES), a file is enough.
    """
    asked = record.spec.protocol.metrics
    wanted = [name for name in image_metrics(asked) if name in asked]
    return images[wanted].notna().all(axis=1) if wanted else images["file"].notna()


def coverage(images: pd.DataFrame, record: RunRecord) -> Coverage:
    """Count a run's expected and scored cells by subject.

    Every subject is expected with all its prompts and with as many images of each as its protocol counts,
    whether the table has rows for them or not.
    """
    spec, scored = record.spec, Counter(images.loc[is_scored(images, record), "subject"])
    counted = spec.protocol.images_of(spec.images_per_prompt)
    expected = {}
    for name in record.subjects:
        prompts = len(selected(_prompts(record, name), spec.prompts))
        expected[name] = max(prompts * counted, scored[name])
    return Coverage(expected, {name: scored[name] for name in record.subjects})


def _prompts(record: RunRecord, subject: str) -> int:
    """Return how many prompts a subject has: those of its dataset, or the official ones."""
    return len(record.prompts.get(subject, ())) or OFFICIAL_COUNT


def scored_cells(images: pd.DataFrame, record: RunRecord) -> set[Cell]:
    """Return the cells that have scores."""
    rows = images.loc[is_scored(images, record), ["subject", "prompt_index", "image_index"]]
    return {(str(s), int(p), int(i)) for s, p, i in rows.itertuples(index=False)}


def cells_of_signature(cells: set[Cell], record: RunRecord) -> str:
    """Return "all" where the scored cells are the whole benchmark, otherwise the digest that names them.

    The whole benchmark is every subject of the dataset (the official one has 30), each with all prompts (the
    official 25, or the dataset's own) and 4 images per prompt, or as many as the protocol counts.
    """
    spec = record.spec
    every_subject = spec.subjects == "all" or len(record.subjects) == OFFICIAL_SUBJECTS
    images = spec.protocol.images_of(OFFICIAL_IMAGES)
    whole = {
        (subject, prompt, image)
        for subject in record.subjects
        for prompt in range(_prompts(record, subject))
        for image in range(images)
    }
    as_official = spec.protocol.images_of(spec.images_per_prompt) == images
    return "all" if every_subject and as_official and cells == whole else cells_digest(cells)


def signature_of(images: pd.DataFrame, record: RunRecord) -> str:
    """Return the signature of a run's scores: its protocol, and exactly which images were scored."""
    cells = scored_cells(images, record)
    asked = [get_metric(name).compares for name in record.spec.protocol.metrics]
    size = _image_size(images[is_scored(images, record)]) if "pairs" in asked else None
    whole = cells_of_signature(cells, record)
    fields = signature_fields(record.spec, len(cells), whole, size)
    return format_signature(fields)


def protocol_differences(first: str, second: str) -> list[str]:
    """Return the differences of two signatures, except which images were scored and how many."""
    found = signature_differences(first, second)
    return [each for each in found if each.partition(":")[0] not in ("cells", "n")]


def _image_size(scored: pd.DataFrame) -> str | None:
    """Return the size of the scored images, or None if the table's version did not record it."""
    sizes = set(scored["size"].dropna()) if "size" in scored else set()
    if len(sizes) > 1:
        return "mixed"
    width, _, height = sizes.pop().partition("x") if sizes else ("", "", "")
    return (width if width == height else f"{width}x{height}") or None


def by_protocol_of(runs: Iterable[RunFolder], protocols: str) -> list[RunFolder]:
    """Return the runs with their scores by one of the protocols that they were scored with, or by several.

    ``protocols`` are names or YAML files, separated by commas. Raises DreambenchError naming a run that was
    not scored with one of them, or was scored with other fields.
    """
    names = [part.strip() for part in protocols.split(",") if part.strip()]
    found = []
    for run in runs:
        scored_by = run.record.protocols
        lacking = [name for name in names if protocol_label(name) not in scored_by]
        if len(names) > 1 and lacking:
            raise DreambenchError(
                f"{run.path} was not scored by {', '.join(lacking)}",
                f"score its images again with --protocol {protocols}",
            )
        if len(names) == 1 and not lacking:
            run = run.of_protocol(protocol_label(names[0]))
        elif len(names) == 1:
            _refuse_other_protocol(run, names[0])
        found.append(run)
    return found


def _refuse_other_protocol(run: RunFolder, protocol: str) -> None:
    """Raise DreambenchError naming the fields in which a run's protocol is not the named one.

    The requested metrics and the number of prior images may differ.
    """
    spec, wanted = run.record.spec, protocol_spec(protocol)
    # The run found the fingerprints of weights that the protocol only names.
    same = {}
    for name in _encoders(wanted) & _encoders(spec.protocol):
        settings, filled = wanted.encoder_spec(name), spec.protocol.encoder_spec(name)
        if settings.weights == filled.weights:
            same[name] = settings.evolve(fingerprint=filled.fingerprint)
    asked = wanted.with_encoder_specs(same).with_metrics(spec.protocol.metrics)
    other = spec.evolve(protocol=asked)
    ours, theirs = (format_signature(signature_fields(each, 0)) for each in (spec, other))
    if fields := signature_differences(ours, theirs):
        raise DreambenchError(
            f"{run.path} is not of protocol {protocol}: {'; '.join(fields)}",
            f"score its images again with --protocol {protocol}",
        )


def _encoders(protocol: ProtocolSpec) -> set[str]:
    return {get_metric(name).encoder for name in {*standard_metrics(), *protocol.metrics}}
