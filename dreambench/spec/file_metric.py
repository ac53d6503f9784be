"""A metric that looks at files itself: a judge behind an endpoint, or a program in its own environment."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dreambench.errors import DreambenchError
from dreambench.spec.metric import Comparand, Metric, WeightsFile
from dreambench.spec.protocol_spec import EncoderSpec

if TYPE_CHECKING:
    import torch


class FileMetricSpec(EncoderSpec):
    """The settings of a metric of files; it has no weights of its own."""

    weights: str = "none"


@dataclass(frozen=True)
class ScoredFile:
    """One image with its caption and the reference photos of its subject.

    ``cell`` is what a run's folder calls the image, without the suffix: ``03-1`` is image 1 of prompt 3.
    """

    image: Path
    caption: str
    photos: tuple[Path, ...]
    subject: str = ""
    cell: str = ""


def missing_scores(count: int) -> str:
    """Return how many scores are missing, in words."""
    return "1 score is missing" if count == 1 else f"{count} scores are missing"


class FileMetric(Metric):
    """One number per image file, NaN where there is none: nothing is guessed.

    A subclass sets ``encoder`` to its own name, ``Settings`` to a ``FileMetricSpec``, and gives
    ``score_files``.
    """

    compares: ClassVar[Comparand] = "files"

    @abstractmethod
    def score_files(
        self, files: Sequence[ScoredFile], settings: Any, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Return one number per file of one subject; NaN where none can be had.

        ``kept`` is a JSON file of the metric's own for this subject, ``note`` takes one line on what is
        missing and why.
        """

    def score_with(
        self,
        files: Sequence[ScoredFile],
        settings: Any,
        kept: Path,
        note: Callable[[str], None],
        load: Callable[[], Any],
    ) -> list[float]:
        """As ``score_files``, for a metric with an encoder: ``load`` returns it, loaded once for a run."""
        return self.score_files(files, settings, kept, note)

    def load_encoder(self, settings: Any, device: str | torch.device) -> Any:
        """Raise DreambenchError: there is no encoder."""
        raise DreambenchError(f"{self.title} has no encoder", "leave it out here, or use `dreambench score`")

    def download(self, settings: Any) -> WeightsFile | None:
        """Return None: nothing is downloaded."""
        return None
