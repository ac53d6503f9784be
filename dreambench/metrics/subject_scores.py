"""One subject by one protocol: from its embeddings to the rows of the score tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreambench.dataset.images import image_size
from dreambench.errors import DreambenchError
from dreambench.metrics.div import index_pairs
from dreambench.metrics.diversity_groups import pair_key
from dreambench.metrics.references import PhotosSeen, compare_with_photos, on_scale, reference_photos
from dreambench.metrics.subject_embeddings import ProtocolImages, SubjectEmbeddings
from dreambench.metrics.tables import BenchmarkImage, image_row
from dreambench.spec.file_metric import FileMetric, ScoredFile
from dreambench.spec.metric import Metric
from dreambench.store import RunFolder

SubjectRows = dict[str, list[dict[str, Any]]]
#: Each caption's embedding, by the key of the encoder and the caption.
Captions = Mapping[str, Mapping[str, Tensor]]


def keep_embeddings(
    run: RunFolder,
    subject: str,
    asked: Sequence[ProtocolImages],
    pool: ThreadPoolExecutor,
    *,
    batch_size: int,
    on_image: Callable[[int], None],
) -> SubjectEmbeddings:
    """Embed and store what is missing of one subject; an error does not discard what was embedded by then."""
    embeddings = SubjectEmbeddings(run, subject, asked, pool)
    try:
        embeddings.embed(batch_size, on_image)
    finally:
        embeddings.save()
    return embeddings


def score_subject(
    run: RunFolder,
    subject: str,
    asked: ProtocolImages,
    embeddings: SubjectEmbeddings,
    captions: Captions,
    shown: PhotosSeen | None = None,
    note: Callable[[str], None] = print,
) -> SubjectRows:
    """Return the rows of one subject for each table, by one protocol.

    ``shown`` is how many of its first photos a model was trained on, or the name of the one that it was
    shown, by subject (None: not known). ``note`` is called with a line about missing scores.
    """
    scorer = _SubjectScorer(run, subject, asked, embeddings, shown, note)
    return {
        "images": scorer.image_rows(captions),
        "diversity": scorer.diversity_rows(),
        "prior": scorer.prior_rows(),
        "drift": scorer.drift_rows(),
        "photos": scorer.photo_rows(),
    }


class _SubjectScorer:
    def __init__(
        self,
        run: RunFolder,
        subject: str,
        asked: ProtocolImages,
        embeddings: SubjectEmbeddings,
        shown: PhotosSeen | None,
        note: Callable[[str], None],
    ) -> None:
        self.note = note
        self.run, self.subject, self.asked, self.embeddings = run, subject, asked, embeddings
        self.images, self.protocol = asked.images, asked.encoders.protocol
        self.cells = self.images.present()
        self.references = reference_photos(self.protocol, subject, self.images.photos, shown)

    def _matrix(self, metric: Metric, files: Iterable[Path | None]) -> Tensor:
        return self.embeddings.matrix(self.asked.encoders.key(metric.encoder), files)

    def image_rows(self, captions: Captions) -> list[dict[str, Any]]:
        """Return one row per expected image, in the order given."""
        files = [cell.file for cell in self.cells]
        columns: dict[str, list[float]] = {}
        for metric in self.asked.metrics("photos") if files else ():
            indices = [cell.image_index for cell in self.cells]
            photos = self._matrix(metric, self.references)
            found = compare_with_photos(metric, self.protocol, self._matrix(metric, files), indices, photos)
            columns[metric.column] = _finite(metric, found, files)
        for metric in self.asked.metrics("caption") if files else ():
            own = captions[self.asked.encoders.key(metric.encoder)]
            texts = torch.stack([own[cell.caption] for cell in self.cells])
            found = on_scale(metric, self.protocol, metric.score(self._matrix(metric, files), texts))
            columns[metric.column] = _finite(metric, found, files)
        for metric in self.asked.metrics("files") if files else ():
            columns[metric.column] = on_scale(metric, self.protocol, self._of_files(metric))
        scores = {
            (cell.prompt_index, cell.image_index): {name: values[i] for name, values in columns.items()}
            for i, cell in enumerate(self.cells)
        }
        present = [file for file in files if file]
        sizes = dict(zip(files, self.embeddings.pool.map(image_size, present), strict=True))
        return [
            image_row(
                cell,
                None if cell.file is None else self.run.relative(cell.file),
                sizes.get(cell.file),
                scores.get((cell.prompt_index, cell.image_index), {}),
            )
            for cell in self.images.cells
        ]

    def _of_files(self, metric: Metric) -> list[float]:
        assert isinstance(metric, FileMetric)
        files = [
            ScoredFile(
                *(cell.file, cell.caption, self._photos_of(cell.image_index), self.subject),
                f"{cell.prompt_index:02d}-{cell.image_index}",
            )
            for cell in self.cells
            if cell.file
        ]
        encoders = self.asked.encoders
        kept = self.run.reply_file(encoders.key(metric.encoder), self.subject)
        load = partial(encoders.load, metric.encoder)
        found = metric.score_with(files, metric.settings(self.protocol), kept, self.note, load)
        if len(found) != len(files):
            raise DreambenchError(
                f"{metric.title} returns {len(found)} scores for {len(files)} images", "fix the metric"
            )
        return found

    def _photos_of(self, image_index: int) -> tuple[Path, ...]:
        """Return the photos that an image is compared with: a single one if the protocol pairs them."""
        photos = tuple(self.references)
        return (photos[image_index % len(photos)],) if self.protocol.references == "paired" else photos

    def diversity_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of expected images of a prompt; NaN if one of them is missing."""
        metrics = self.asked.metrics("pairs")
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
        sha256, store = (
            self.embeddings.sha256,
            self.embeddings.stores[self.asked.encoders.key(metric.encoder)],
        )
        found = float(store[pair_key(sha256[a.file], sha256[b.file])])
        return on_scale(metric, self.protocol, [found])[0]

    def prior_rows(self) -> list[dict[str, Any]]:
        """Return one row per prior image; it is compared with all photos, whatever the references."""
        priors, metrics = self.images.priors, self.asked.metrics("prior")
        if not metrics or not priors:
            return []
        files = list(priors.values())
        columns = {}
        for metric in metrics:
            found = metric.score(self._matrix(metric, files), self._matrix(metric, self.images.photos))
            columns[metric.column] = _finite(metric, on_scale(metric, self.protocol, found), files)
        return [
            {
                "subject": self.subject,
                "image_index": number,
                "file": self.run.relative(file),
                **{name: values[i] for name, values in columns.items()},
            }
            for i, (number, file) in enumerate(priors.items())
        ]

    def drift_rows(self) -> list[dict[str, Any]]:
        """Return one row per unrelated prompt; its image is compared with the base model's."""
        drift, metrics = self.images.drift, self.asked.metrics("base")
        if not metrics or not drift:
            return []
        files, bases = [own.file for own, _ in drift], [base.file for _, base in drift]
        columns = {}
        for metric in metrics:
            found = metric.score(self._matrix(metric, files), self._matrix(metric, bases))
            columns[metric.column] = _finite(metric, on_scale(metric, self.protocol, found), files)
        return [
            {
                "subject": self.subject,
                "prompt_index": own.prompt_index,
                "prompt": own.prompt,
                "file": self.run.relative(own.file),
                "base_file": self.run.relative(base.file),
                **{name: values[i] for name, values in columns.items()},
            }
            for i, (own, base) in enumerate(drift)
        ]

    def photo_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of photos: the bound, over all photos in every protocol."""
        names = [file.name for file in self.images.photos]
        rows: list[dict[str, Any]] = [
            {"subject": self.subject, "photo_a": names[i], "photo_b": names[j]}
            for i, j in index_pairs(len(names))
        ]
        for metric in self.asked.metrics("photos"):
            pairs = metric.photo_pairs(self._matrix(metric, self.images.photos))
            values = on_scale(metric, self.protocol, [value for *_, value in pairs])
            for row, value in zip(rows, values, strict=True):
                row[metric.column] = value
        return rows


def _finite(metric: Metric, scores: list[float], files: Iterable[Path | None]) -> list[float]:
    """Return the scores of existing files. Raises DreambenchError if one is not finite."""
    for score, file in zip(scores, files, strict=True):
        if not math.isfinite(score):
            raise DreambenchError(
                f"{metric.title} of {file} is {score}", "check the image and the encoder's weights"
            )
    return scores
