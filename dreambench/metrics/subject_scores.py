"""One subject by one protocol: from its embeddings to the rows of the score tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import combinations, groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreambench.dataset.images import image_size
from dreambench.errors import DreambenchError
from dreambench.metrics.diversity_groups import pair_key
from dreambench.metrics.references import PhotosSeen, compare_with_photos, on_scale, reference_photos
from dreambench.metrics.subject_embeddings import ProtocolImages, SubjectEmbeddings
from dreambench.metrics.tables import BenchmarkImage
from dreambench.spec.file_metric import FileMetric, ScoredFile
from dreambench.spec.metric import Comparand, Metric
from dreambench.store import RunFolder

SubjectRows = dict[str, list[dict[str, Any]]]
#: Each caption's embedding, by the key of the encoder and the caption.
Captions = Mapping[str, Mapping[str, Tensor]]


class SubjectScorer:
    """The rows of one subject for each table, by one protocol.

    ``shown`` is how many of its first photos a model was trained on, or the name of the one that it was
    shown, by subject (None: not known). ``note`` is called with a line about missing scores.
    """

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
        photos_of = self.images.photos_of or {subject: self.images.photos}
        self.references = [reference_photos(self.protocol, *each, shown) for each in photos_of.items()]

    def rows(self, captions: Captions) -> SubjectRows:
        """Return the rows of each table."""
        return {
            "images": self.image_rows(captions),
            "diversity": self.diversity_rows(),
            "prior": self.prior_rows(),
            "drift": self.drift_rows(),
            "photos": self.photo_rows(),
        }

    def _matrix(self, metric: Metric, files: Iterable[Path]) -> Tensor:
        return self.embeddings.matrix(self.asked.encoders.key(metric.encoder), files)

    def image_rows(self, captions: Captions) -> list[dict[str, Any]]:
        """Return one row per expected image, in the order given."""
        files = [cell.file for cell in self.cells if cell.file]
        columns: dict[str, list[float]] = {}
        for metric in self.asked.metrics("photos") if files else ():
            columns[metric.column] = _finite(metric, self._by_photos(metric, files), files)
        for metric in self.asked.metrics("caption") if files else ():
            own = captions[self.asked.encoders.key(metric.encoder)]
            texts = torch.stack([own[cell.caption] for cell in self.cells])
            found = on_scale(metric, self.protocol, metric.score(self._matrix(metric, files), texts))
            columns[metric.column] = _finite(metric, found, files)
        for metric in self.asked.metrics("files") if files else ():
            columns[metric.column] = on_scale(metric, self.protocol, self._of_files(metric))
        scores = dict(zip(self.cells, _by_row(columns, len(files)), strict=True))
        sizes = dict(zip(self.cells, self.embeddings.pool.map(image_size, files), strict=True))
        rows = []
        for cell in self.images.cells:
            size = "x".join(map(str, sizes[cell])) if cell in sizes else None
            file = None if cell.file is None else self.run.relative(cell.file)
            rows.append({**asdict(cell), "file": file, "size": size, **scores.get(cell, {})})
        return rows

    def _by_photos(self, metric: Metric, files: Sequence[Path]) -> list[float]:
        """Return each image's score by the photos: of two subjects in it, the mean of the scores for both."""
        indices, images = [cell.image_index for cell in self.cells], self._matrix(metric, files)
        of_each = [
            compare_with_photos(metric, self.protocol, images, indices, self._matrix(metric, photos))
            for photos in self.references
        ]
        return [sum(scores) / len(scores) for scores in zip(*of_each, strict=True)]

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
        photos = tuple(photo for own in self.references for photo in own)
        return (photos[image_index % len(photos)],) if self.protocol.references == "paired" else photos

    def diversity_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of expected images of a prompt; NaN if one of them is missing."""
        metrics = self.asked.metrics("pairs")
        if not metrics:
            return []
        ordered = sorted(self.images.cells, key=attrgetter("prompt_index", "image_index"))
        return [
            {
                "subject": self.subject,
                "prompt_index": prompt_index,
                "pair": f"{a.image_index}-{b.image_index}",
                **{metric.column: self._distance(metric, a, b) for metric in metrics},
            }
            for prompt_index, group in groupby(ordered, key=attrgetter("prompt_index"))
            for a, b in combinations(group, 2)
        ]

    def _distance(self, metric: Metric, a: BenchmarkImage, b: BenchmarkImage) -> float:
        if a.file is None or b.file is None:
            return math.nan
        sha256 = self.embeddings.sha256
        store = self.embeddings.stores[self.asked.encoders.key(metric.encoder)]
        found = float(store[pair_key(sha256[a.file], sha256[b.file])])
        return on_scale(metric, self.protocol, [found])[0]

    def prior_rows(self) -> list[dict[str, Any]]:
        """Return one row per prior image; it is compared with all photos, whatever the references."""
        priors = self.images.priors if self.asked.metrics("prior") else {}
        scores = self._compared("prior", list(priors.values()), self.images.photos)
        return [
            {"subject": self.subject, "image_index": number, "file": self.run.relative(file), **own}
            for (number, file), own in zip(priors.items(), scores, strict=True)
        ]

    def drift_rows(self) -> list[dict[str, Any]]:
        """Return one row per unrelated prompt; its image is compared with the base model's."""
        drift = self.images.drift if self.asked.metrics("base") else ()
        scores = self._compared("base", [own.file for own, _ in drift], [base.file for _, base in drift])
        return [
            {
                "subject": self.subject,
                "prompt_index": own.prompt_index,
                "prompt": own.prompt,
                "file": self.run.relative(own.file),
                "base_file": self.run.relative(base.file),
                **found,
            }
            for (own, base), found in zip(drift, scores, strict=True)
        ]

    def _compared(
        self, kind: Comparand, files: Sequence[Path], references: Sequence[Path]
    ) -> list[dict[str, float]]:
        """Return each file's scores by the metrics that compare with ``kind``."""
        columns: dict[str, list[float]] = {}
        for metric in self.asked.metrics(kind) if files else ():
            found = metric.score(self._matrix(metric, files), self._matrix(metric, references))
            columns[metric.column] = _finite(metric, on_scale(metric, self.protocol, found), files)
        return _by_row(columns, len(files))

    def photo_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of photos: the bound, over all photos in every protocol.

        Images of two subjects have none: no photo shows both.
        """
        if self.images.photos_of:
            return []
        names = [file.name for file in self.images.photos]
        rows: list[dict[str, Any]] = [
            {"subject": self.subject, "photo_a": a, "photo_b": b} for a, b in combinations(names, 2)
        ]
        for metric in self.asked.metrics("photos"):
            pairs = metric.photo_pairs(self._matrix(metric, self.images.photos))
            values = on_scale(metric, self.protocol, [value for *_, value in pairs])
            for row, value in zip(rows, values, strict=True):
                row[metric.column] = value
        return rows


def _by_row(columns: Mapping[str, list[float]], count: int) -> list[dict[str, float]]:
    """Return columns of ``count`` scores row by row."""
    return [{name: values[i] for name, values in columns.items()} for i in range(count)]


def _finite(metric: Metric, scores: list[float], files: Iterable[Path]) -> list[float]:
    """Return the scores of existing files. Raises DreambenchError if one is not finite."""
    for score, file in zip(scores, files, strict=True):
        if not math.isfinite(score):
            raise DreambenchError(
                f"{metric.title} of {file} is {score}", "check the image and the encoder's weights"
            )
    return scores
