"""One subject: its images, photos and prior images embedded, and the rows of the score tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreambench.dataset.images import image_size
from dreambench.errors import DreambenchError
from dreambench.metrics.div import index_pairs
from dreambench.metrics.diversity_groups import DiversityGroups, pair_key
from dreambench.metrics.embeddings import EmbeddingJob, EmbeddingStore, ImageConsumer, ImageFile, embed
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.tables import BenchmarkImage, PriorImage, image_row
from dreambench.spec.metric import Comparand, Metric
from dreambench.spec.registries import get_metric
from dreambench.store import RunFolder
from dreambench.store.files import sha256_of

SubjectRows = dict[str, list[dict[str, Any]]]
#: Each caption's embedding, by the name of the encoder and the caption.
Captions = Mapping[str, Mapping[str, Tensor]]


@dataclass(frozen=True)
class SubjectImages:
    """Everything of one subject that is embedded."""

    cells: list[BenchmarkImage]
    priors: list[PriorImage]
    photos: list[Path]


def score_subject(
    run: RunFolder,
    subject: str,
    images: SubjectImages,
    captions: Captions,
    encoders: ProtocolEncoders,
    pool: ThreadPoolExecutor,
    *,
    batch_size: int,
    on_image: Callable[[int], None],
) -> SubjectRows:
    """Return the rows of one subject for each of the four tables, embedding what is not kept yet."""
    scorer = keep_embeddings(run, subject, images, encoders, pool, batch_size=batch_size, on_image=on_image)
    return {
        "images": scorer.image_rows(captions),
        "diversity": scorer.diversity_rows(),
        "prior": scorer.prior_rows(),
        "photos": scorer.photo_rows(),
    }


def keep_embeddings(
    run: RunFolder,
    subject: str,
    images: SubjectImages,
    encoders: ProtocolEncoders,
    pool: ThreadPoolExecutor,
    *,
    batch_size: int,
    on_image: Callable[[int], None],
) -> _SubjectScorer:
    """Embed what is not kept yet of one subject and keep it, even where an error ends it."""
    scorer = _SubjectScorer(run, subject, images, encoders, pool)
    try:
        scorer.embed(batch_size, on_image)
    finally:
        scorer.save()
    return scorer


class _SubjectScorer:
    def __init__(
        self,
        run: RunFolder,
        subject: str,
        images: SubjectImages,
        encoders: ProtocolEncoders,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.run, self.subject, self.images = run, subject, images
        self.encoders, self.pool = encoders, pool
        self.metrics = [get_metric(name) for name in encoders.protocol.metrics]
        self.stores = {
            name: EmbeddingStore(run.embedding_file(encoders.key(name), subject))
            for name in dict.fromkeys(metric.encoder for metric in self.metrics)
        }
        run.notices += [
            f"{subject}: the embeddings in {store.file.parent.name} were damaged and are computed again"
            for store in self.stores.values()
            if store.damaged
        ]
        self.cells = sorted(
            (cell for cell in images.cells if cell.file is not None),
            key=lambda cell: (cell.prompt_index, cell.image_index),
        )
        files = [*images.photos, *(c.file for c in self.cells if c.file), *(p.file for p in images.priors)]
        self.sha256 = dict(zip(files, pool.map(_hash, files), strict=True))

    def _that_compare(self, kind: Comparand) -> list[Metric]:
        return [metric for metric in self.metrics if metric.compares == kind]

    # -- embedding ------------------------------------------------------------------------------

    def embed(self, batch_size: int, on_image: Callable[[int], None]) -> None:
        """Embed photos and cells, then prior images, so that the first batches are the same without PRES."""
        photos = [ImageFile(file, self.sha256[file], "photo") for file in self.images.photos]
        cells = [ImageFile(c.file, self.sha256[c.file]) for c in self.cells if c.file]
        priors = [ImageFile(p.file, self.sha256[p.file]) for p in self.images.priors]
        jobs, sinks = self._jobs(), self._sinks(batch_size)
        for images in ([*photos, *cells], priors):
            distinct = list({image.sha256: image for image in reversed(images)}.values())[::-1]
            embed(distinct, jobs, sinks, self.pool, batch_size, on_image)
            if len(images) > len(distinct):
                on_image(len(images) - len(distinct))

    def _jobs(self) -> dict[str, EmbeddingJob]:
        photos = {self.sha256[file] for file in self.images.photos}
        cells = {self.sha256[c.file] for c in self.cells if c.file}
        priors = {self.sha256[p.file] for p in self.images.priors}
        of_kind = {"photos": photos | cells, "caption": cells, "prior": photos | priors}
        wanted: dict[str, set[str]] = {}
        for metric in self.metrics:
            if metric.compares != "pairs":
                wanted.setdefault(metric.encoder, set()).update(of_kind[metric.compares])
        return {
            name: EmbeddingJob(partial(self.encoders.load, name), self.stores[name], images)
            for name, images in wanted.items()
        }

    def _sinks(self, batch_size: int) -> dict[str, ImageConsumer]:
        groups = [
            [(self.sha256[cell.file], cell.file) for cell in group if cell.file]
            for _, group in groupby(self.cells, key=lambda cell: cell.prompt_index)
        ]
        return {
            f"{metric.name}'s pixels": DiversityGroups(
                metric,
                groups,
                self.stores[metric.encoder],
                partial(self.encoders.load, metric.encoder),
                batch_size,
                metric.pair_size(metric.settings(self.encoders.protocol)),
            )
            for metric in self._that_compare("pairs")
        }

    def save(self) -> None:
        """Keep what was embedded and measured."""
        for store in self.stores.values():
            store.save()

    # -- scores ---------------------------------------------------------------------------------

    def _matrix(self, metric: Metric, files: Iterable[Path | None]) -> Tensor:
        return self.stores[metric.encoder].matrix([self.sha256[file] for file in files if file])

    def image_rows(self, captions: Captions) -> list[dict[str, Any]]:
        """Return one row per expected image, in the order given."""
        files = [cell.file for cell in self.cells]
        columns: dict[str, list[float]] = {}
        for metric in self._that_compare("photos") if files else ():
            photos = self._matrix(metric, self.images.photos)
            columns[metric.column] = _finite(metric, metric.score(self._matrix(metric, files), photos), files)
        for metric in self._that_compare("caption") if files else ():
            texts = torch.stack([captions[metric.encoder][cell.caption] for cell in self.cells])
            columns[metric.column] = _finite(metric, metric.score(self._matrix(metric, files), texts), files)
        scores = {
            (cell.prompt_index, cell.image_index): {name: values[i] for name, values in columns.items()}
            for i, cell in enumerate(self.cells)
        }
        sizes = dict(zip(files, self.pool.map(image_size, [f for f in files if f]), strict=True))
        return [
            image_row(
                cell,
                None if cell.file is None else self.run.relative(cell.file),
                sizes.get(cell.file),
                scores.get((cell.prompt_index, cell.image_index), {}),
            )
            for cell in self.images.cells
        ]

    def diversity_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of expected images of a prompt; NaN where one of them is missing."""
        metrics = self._that_compare("pairs")
        if not metrics:
            return []
        rows = []
        ordered = sorted(self.images.cells, key=lambda cell: (cell.prompt_index, cell.image_index))
        for prompt_index, group in groupby(ordered, key=lambda cell: cell.prompt_index):
            members = list(group)
            for i, j in index_pairs(len(members)):
                a, b = members[i], members[j]
                row = {"subject": self.subject, "prompt_index": prompt_index}
                pair = {"pair": f"{a.image_index}-{b.image_index}"}
                rows.append({**row, **pair, **{m.column: self._distance(m, a, b) for m in metrics}})
        return rows

    def _distance(self, metric: Metric, a: BenchmarkImage, b: BenchmarkImage) -> float:
        if a.file is None or b.file is None:
            return math.nan
        return float(self.stores[metric.encoder][pair_key(self.sha256[a.file], self.sha256[b.file])])

    def prior_rows(self) -> list[dict[str, Any]]:
        """Return one row per prior image."""
        priors, metrics = self.images.priors, self._that_compare("prior")
        if not metrics or not priors:
            return []
        columns = {
            metric.column: _finite(
                metric,
                metric.score(
                    self._matrix(metric, [prior.file for prior in priors]),
                    self._matrix(metric, self.images.photos),
                ),
                [prior.file for prior in priors],
            )
            for metric in metrics
        }
        return [
            {
                "subject": self.subject,
                "image_index": prior.image_index,
                "file": self.run.relative(prior.file),
                **{name: values[i] for name, values in columns.items()},
            }
            for i, prior in enumerate(priors)
        ]

    def photo_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of photos."""
        names = [file.name for file in self.images.photos]
        rows: list[dict[str, Any]] = [
            {"subject": self.subject, "photo_a": names[i], "photo_b": names[j]}
            for i, j in index_pairs(len(names))
        ]
        for metric in self._that_compare("photos"):
            pairs = metric.photo_pairs(self._matrix(metric, self.images.photos))
            for row, (_, _, value) in zip(rows, pairs, strict=True):
                row[metric.column] = value
        return rows


def _hash(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        raise DreambenchError(f"image {file} cannot be read: {error.strerror}") from error


def _finite(metric: Metric, scores: list[float], files: Iterable[Path | None]) -> list[float]:
    """Return the scores of files that are there. Raises DreambenchError where one is not finite."""
    for score, file in zip(scores, files, strict=True):
        if not math.isfinite(score):
            raise DreambenchError(
                f"{metric.title} of {file} is {score}", "look at the image, and check the encoder's weights"
            )
    return scores
