"""A metric as an object: all that tables, pages, checks and the command line need to know of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    import torch

    from dreambench.spec.protocol_spec import EncoderSpec, ProtocolSpec

Comparand = Literal["photos", "caption", "pairs", "prior", "base", "files"]
_PLUGIN = "update the package that it comes from, or leave it out with --metrics"
#: The score tables, and what the metrics in each of them compare an image with.
SCORE_TABLES: dict[str, tuple[Comparand, ...]] = {
    "images": ("photos", "caption", "files"),
    "diversity": ("pairs",),
    "prior": ("prior",),
    "drift": ("base",),
    "photos": ("photos",),
}


class WeightsFile(Protocol):
    """A file of weights that a library downloads."""

    def cached(self) -> Path | None:
        """Return the file if it is on this machine; asks no network."""


class Metric(ABC):
    """One number per image, or per pair of images.

    ``compares`` says with what an image is compared, and so in which score table its numbers are:

    - ``photos``: the real photos of its subject (a column of ``images``, and of ``photos``, the bound);
    - ``caption``: its own caption (a column of ``images``);
    - ``pairs``: the other images of its subject and prompt (a column of ``diversity``);
    - ``prior``: as ``photos``, for images of ``a [class noun]`` (a column of ``prior``);
    - ``base``: the base model's image of the same prompt and noise, for prompts that have nothing to do with
      the subject (a column of ``drift``; ``Settings`` derives from ``DriftSpec``, which names the prompts);
    - ``files``: whatever it likes, from the files themselves (``FileMetric``; a column of ``images``).

    ``encoder`` names what embeds the images; metrics with the same encoder share embeddings. ``Settings`` is
    the class of its settings, a section of the protocol. Importing a metric must not import torch.

    Example:
        >>> from dreambench.spec.registries import get_metric
        >>> dino = get_metric("dino")
        >>> dino.title, dino.compares, dino.range, dino.higher_is_better
        ('DINO', 'photos', (-1.0, 1.0), True)
    """

    #: The name on the command line and in files; given by the entry point.
    name: ClassVar[str]
    #: The name in tables.
    title: ClassVar[str]
    #: One sentence without a full stop: what it measures, and by what.
    definition: ClassVar[str]
    #: The paper section or script that defines it.
    source: ClassVar[str]
    compares: ClassVar[Comparand]
    encoder: ClassVar[str]
    Settings: ClassVar[type[EncoderSpec]]
    higher_is_better: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    aggregation: ClassVar[str] = "mean over a subject's images, then over subjects"
    #: The licence of the weights that it uses by default.
    licence: ClassVar[str] = ""
    #: What is known of how well it follows people, in a sentence without a full stop.
    agreement: ClassVar[str] = "not measured here"
    #: The position in tables, from the left; equal ranks follow in alphabetical order.
    rank: ClassVar[int] = 100
    #: Whether it belongs to the paper's protocol: a column in every score file, its part in every signature.
    standard: ClassVar[bool] = False
    #: Whether a protocol that names no metrics has it.
    by_default: ClassVar[bool] = False

    @property
    def column(self) -> str:
        """The column of its numbers in its score table."""
        return self.name

    @property
    def heading(self) -> str:
        """The title with an arrow in the direction of better scores."""
        return f"{self.title} {'↑' if self.higher_is_better else '↓'}"

    @property
    def limits(self) -> str:
        """The range in words: ``from -1 to 1``, ``from 0``, ``without bounds``."""
        low, high = (f"{word} {end:g}" for word, end in zip(("from", "to"), self.range, strict=True))
        return " ".join(part for part in (low, high) if not part.endswith("inf")) or "without bounds"

    def settings(self, protocol: ProtocolSpec) -> Any:
        """Return the protocol's settings of the metric's encoder: an instance of ``Settings``."""
        return protocol.encoder_spec(self.encoder)

    def default_settings(self, protocol: ProtocolSpec) -> EncoderSpec:
        """Return the settings of the metric's encoder in a protocol that names none."""
        return self.Settings()

    @abstractmethod
    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the metric's fields of the signature: whatever changes its numbers."""

    @abstractmethod
    def load_encoder(self, settings: Any, device: str | torch.device) -> Any:
        """Load the encoder. Raises DreambenchError where its weights are missing or do not fit.

        An ``ImageEncoder``; for ``caption`` one that has ``embed_texts`` as well; for ``pairs`` what
        ``distances`` takes.
        """

    @abstractmethod
    def download(self, settings: Any) -> WeightsFile | None:
        """Return the file that is downloaded where ``settings.weights`` is not a file (None: nothing is).

        Downloads nothing.
        """

    def check(self, settings: Any) -> None:
        """Raise DreambenchError where something else than weights is missing: a package, a folder, a program.

        Asked before anything is drawn or embedded; looks, and loads nothing.
        """
        return

    def version(self, settings: Any) -> str | None:
        """Return the version of a package that brings its own weights; None where weights are known by name.

        It becomes the ``fingerprint`` of the settings, which ``signature`` shows. Asked after ``check``.
        """
        return None

    def score(self, images: torch.Tensor, references: torch.Tensor) -> list[float]:
        """Return one number per image, from embeddings [n, d].

        ``references`` are the embeddings of the subject's photos [m, d] (``photos``, ``prior``), or of each
        image's caption [n, d] (``caption``), or of the base model's image of its prompt [n, d] (``base``).
        """
        raise DreambenchError(
            f"the metric {self.name} compares {self.compares} without a function score", _PLUGIN
        )

    def photo_pairs(self, photos: torch.Tensor) -> list[tuple[int, int, float]]:
        """Return (i, j, score) for all pairs i < j of a subject's photos [m, d]: the bound of ``photos``."""
        pairs = combinations(range(len(photos)), 2)
        return [(i, j, self.score(photos[i : i + 1], photos[j : j + 1])[0]) for i, j in pairs]

    def pair_size(self, settings: Any) -> int | Literal["native"]:
        """Return the side in pixels of the images that ``distances`` gets, or ``native`` (``pairs``)."""
        return "native"

    def distances(
        self, images: Sequence[torch.Tensor], files: Sequence[Path], encoder: Any, batch_size: int
    ) -> dict[tuple[int, int], float]:
        """Return the number of each pair i < j of one group of preprocessed images (``pairs``)."""
        raise DreambenchError(
            f"the metric {self.name} compares {self.compares} without a function distances", _PLUGIN
        )


def named_weights(settings: EncoderSpec) -> str:
    """Return how a signature names weights: the start of a file's SHA-256, otherwise their name."""
    return f"sha256-{settings.fingerprint[:8]}" if settings.fingerprint else settings.weights
