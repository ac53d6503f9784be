"""One subject's photos, images and prior images: each embedded once, for all protocols that need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.metrics.diversity_groups import DiversityGroups
from dreambench.metrics.embeddings import EmbeddingJob, EmbeddingStore, ImageFile, embed
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.tables import BenchmarkImage, DriftPair
from dreambench.paths import sha256_of
from dreambench.spec.metric import Comparand, Metric
from dreambench.spec.registries import get_metric
from dreambench.store import RunFolder


@dataclass(frozen=True)
class SubjectImages:
    """Everything of one subject that a protocol looks at.

    ``cells`` are all expected images, the missing ones with ``file=None``; ``photos`` are the real photos,
    ``priors`` the images of ``a [class noun]`` by the subject's model, by number. ``photos_of`` are the
    photos of each of two subjects that the images show together; empty where they show one.
    """

    cells: Sequence[BenchmarkImage]
    photos: Sequence[Path]
    priors: Mapping[int, Path] = field(default_factory=dict)
    drift: Sequence[DriftPair] = ()
    photos_of: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    def count(self, most: int) -> int:
        """Return the number of files, those of ``most`` cells of each prompt."""
        cells = sum(cell.file is not None and cell.image_index < most for cell in self.cells)
        return cells + len(self.photos) + len(self.priors) + 2 * len(self.drift)

    def present(self) -> list[BenchmarkImage]:
        """Return the cells whose image exists, by prompt and image."""
        there = [cell for cell in self.cells if cell.file is not None]
        return sorted(there, key=lambda cell: (cell.prompt_index, cell.image_index))


@dataclass(frozen=True)
class ProtocolImages:
    """A protocol's encoders, and one subject's images as that protocol uses them."""

    encoders: ProtocolEncoders
    images: SubjectImages

    def metrics(self, *kinds: Comparand) -> list[Metric]:
        """Return the protocol's metrics that compare an image with one of ``kinds`` (none: all of them)."""
        found = map(get_metric, self.encoders.protocol.metrics)
        return [metric for metric in found if not kinds or metric.compares in kinds]


class SubjectEmbeddings:
    """The embeddings of one subject by every encoder that the protocols need, by the encoder's key."""

    def __init__(
        self, run: RunFolder, subject: str, asked: Sequence[ProtocolImages], pool: ThreadPoolExecutor
    ) -> None:
        self.asked, self.pool = asked, pool
        keys = {each.encoders.key(metric.encoder) for each in asked for metric in each.metrics()}
        self.stores = {key: EmbeddingStore(run.embedding_file(key, subject)) for key in sorted(keys)}
        run.notices += [
            f"{subject}: the embeddings in {store.file.parent.name} were damaged; they are computed again"
            for store in self.stores.values()
            if store.damaged
        ]
        self.photos = list(dict.fromkeys(file for each in asked for file in each.images.photos))
        self.cells = _cell_files(asked)
        self.priors = list(dict.fromkeys(file for each in asked for file in each.images.priors.values()))
        self.drift = list(dict.fromkeys(file for each in asked for file in _drift_files(each)))
        files = list(dict.fromkeys([*self.photos, *self.cells, *self.priors, *self.drift]))
        self.sha256 = dict(zip(files, pool.map(_hash, files), strict=True))

    def embed(self, batch_size: int, on_image: Callable[[int], None]) -> None:
        """Embed and store what is missing; an error does not discard what was embedded by then.

        Photos and cells come first, then prior images, then drift's: the first batches stay as they were.
        """
        photos = [ImageFile(file, self.sha256[file], "photo") for file in self.photos]
        cells, priors, drift = (
            [ImageFile(file, self.sha256[file]) for file in files]
            for files in (self.cells, self.priors, self.drift)
        )
        jobs, sinks = self._jobs(), self._sinks(batch_size)
        try:
            for images in ([*photos, *cells], priors, drift):
                distinct = list({image.sha256: image for image in reversed(images)}.values())[::-1]
                embed(distinct, jobs, sinks, self.pool, batch_size, on_image)
                if len(images) > len(distinct):
                    on_image(len(images) - len(distinct))
        finally:
            for store in self.stores.values():
                store.save()

    def _jobs(self) -> dict[str, EmbeddingJob]:
        jobs: dict[str, EmbeddingJob] = {}
        for each in self.asked:
            photos = {self.sha256[file] for file in each.images.photos}
            cells = {self.sha256[cell.file] for cell in each.images.cells if cell.file}
            priors = {self.sha256[file] for file in each.images.priors.values()}
            drift = {self.sha256[file] for file in _drift_files(each)}
            of_kind = {"photos": photos | cells, "caption": cells, "prior": photos | priors, "base": drift}
            for metric in each.metrics("photos", "caption", "prior", "base"):
                key = each.encoders.key(metric.encoder)
                load = partial(each.encoders.load, metric.encoder)
                job = jobs.setdefault(key, EmbeddingJob(load, self.stores[key], set(), metric.encoder))
                job.images.update(of_kind[metric.compares])
        return jobs

    def _sinks(self, batch_size: int) -> dict[str, DiversityGroups]:
        sinks: dict[str, DiversityGroups] = {}
        for each in self.asked:
            groups = [
                [(self.sha256[cell.file], cell.file) for cell in group if cell.file]
                for _, group in groupby(each.images.present(), key=lambda cell: cell.prompt_index)
            ]
            for metric in each.metrics("pairs"):
                key = each.encoders.key(metric.encoder)
                # Protocols that count fewer images of a prompt have groups of their own.
                counted = each.encoders.protocol.images or "all"
                sinks[f"pixels for {metric.name} ({key}, {counted} images)"] = DiversityGroups(
                    metric,
                    groups,
                    self.stores[key],
                    partial(each.encoders.load, metric.encoder),
                    batch_size,
                    metric.pair_size(metric.settings(each.encoders.protocol)),
                )
        return sinks

    def matrix(self, key: str, files: Iterable[Path]) -> Tensor:
        """Return the embeddings [n, d] of some files by an encoder's key."""
        return self.stores[key].matrix([self.sha256[file] for file in files])


def _cell_files(asked: Sequence[ProtocolImages]) -> list[Path]:
    # In a fixed order, whichever protocol is named first, so that the batches are the same.
    files = {(c.prompt_index, c.image_index, c.file) for each in asked for c in each.images.cells if c.file}
    return [file for *_, file in sorted(files)]


def _drift_files(asked: ProtocolImages) -> list[Path]:
    return [image.file for pair in asked.images.drift for image in pair]


def _hash(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        why = "it is a link to a file that does not exist" if file.is_symlink() else error.strerror
        raise DreambenchError(
            f"image {file} cannot be read: {why}", "replace it with a whole image, or take it out"
        ) from error
