"""The strongest check of an installation: the dataset's photos compared, beside known numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

import pandas as pd

from dreambench.analysis.aggregate import mean_over_subjects
from dreambench.dataset import Dataset, read_image
from dreambench.errors import DreambenchError
from dreambench.literature.published import differences_from_paper
from dreambench.paths import data_folder, read_yaml
from dreambench.progress import ProgressListener, reporting
from dreambench.runs.asked import PAPER_PRESET, Asked, asked_spec
from dreambench.spec.frozen import Frozen
from dreambench.spec.metric import Metric
from dreambench.spec.process import process_kept, quiet_libraries
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import RunSpec
from dreambench.spec.signature import MINIATURE_PRESET, format_signature, signature_fields

if TYPE_CHECKING:
    import torch

BAR = "photos"


class VerifiedMetric(Frozen):
    """One metric's Real Images score (the mean over subjects of their pairs of photos) and the known one."""

    metric: str
    score: float
    expected: float

    @property
    def difference(self) -> float:
        """Ours minus the known number."""
        return self.score - self.expected


class Verification(Frozen):
    """The result of ``verify``; ``ok``: whether every metric is within ``tolerance`` of the known number."""

    signature: str
    photos: int
    subjects: int
    tolerance: float
    source: str
    metrics: tuple[VerifiedMetric, ...]

    @property
    def ok(self) -> bool:
        """Whether no metric is off by more than the tolerance."""
        return all(abs(found.difference) <= self.tolerance for found in self.metrics)


class _Known(Frozen):
    tolerance: float
    real: Mapping[str, float]


@process_kept()
def verify(
    preset: str | None = None, *, reporter: ProgressListener | None = None, **asked: Unpack[Asked]
) -> Verification:
    """Score a preset's photos (``paper-sd15``'s, or ``mini``'s) against each other by its encoders.

    It needs the photos and two encoders, no GPU and no base model. The known numbers are those of the
    paper's Table 1 (Real Images: DINO 0.774, CLIP-I 0.885), or the miniature's own. Raises DreambenchError
    if photos or weights are missing, saying what to download, and for photos, encoders or metrics
    without known numbers.
    """
    quiet_libraries()
    from dreambench.runs.chosen_data import resolve_scoring

    spec, dataset, runtime = resolve_scoring(asked_spec(PAPER_PRESET if preset is None else preset, **asked))
    photos = sum(len(subject.photos) for subject in dataset.subjects)
    signature = format_signature(signature_fields(spec, photos))
    name, known = _known(spec, signature)
    if not known.real.keys() & set(spec.protocol.metrics):
        raise DreambenchError(
            f"the protocol has no metric with a known number ({', '.join(known.real)})",
            "leave protocol.metrics as it is",
        )
    with reporting(reporter) as watch:
        metrics = [get_metric(name) for name in known.real if name in spec.protocol.metrics]
        scores = _real_images(dataset, metrics, spec.protocol, runtime.device, watch)
    found = [
        VerifiedMetric(metric=metric, score=score, expected=known.real[metric])
        for metric, score in scores.items()
    ]
    return Verification(
        signature=signature,
        photos=photos,
        subjects=len(dataset.subjects),
        tolerance=known.tolerance,
        source="the paper, Table 1" if name == "paper" else "the miniature as it was shipped",
        metrics=tuple(found),
    )


def _known(spec: RunSpec, signature: str) -> tuple[str, _Known]:
    content = read_yaml(data_folder() / "verification.yaml")
    if spec.preset == MINIATURE_PRESET:
        return "mini", _Known.model_validate(content["mini"])
    # Weights from a file have another name in the signature, but may be the official ones.
    differ = differences_from_paper(signature, whole=False)
    wrong = [field for field in differ if field.split(": ")[0] in ("data", "tf")]
    if wrong:
        raise DreambenchError(
            f"there are no known numbers for these photos and transforms ({'; '.join(wrong)})",
            "verify with the official photos and the protocol paper, or with --preset mini",
        )
    return "paper", _Known.model_validate(content["paper"])


def _real_images(
    dataset: Dataset,
    metrics: Sequence[Metric],
    protocol: ProtocolSpec,
    device: torch.device,
    watch: ProgressListener,
) -> dict[str, float]:
    """Return the Real Images row: per photo metric, the mean over subjects of their pairs' scores."""
    from dreambench.metrics.encoders import ProtocolEncoders

    encoders = ProtocolEncoders(protocol, device)
    by_subject: dict[str, dict[str, float]] = {metric.name: {} for metric in metrics}
    watch.start(BAR, sum(len(subject.photos) for subject in dataset.subjects))
    for subject in dataset.subjects:
        images = [read_image(photo.path, "photo") for photo in subject.photos]
        for metric in metrics:
            pairs = metric.photo_pairs(encoders.load(metric.encoder).embed_images(images))
            if pairs:
                by_subject[metric.name][subject.name] = sum(value for *_, value in pairs) / len(pairs)
        watch.advance(BAR, len(images))
    watch.finish(BAR)
    found = {}
    for name, values in by_subject.items():
        mean = mean_over_subjects(pd.Series(values, dtype=float))
        if mean is None:
            raise DreambenchError(f"no subject has two photos to compare by {name}", "check the dataset")
        found[name] = mean
    return found
