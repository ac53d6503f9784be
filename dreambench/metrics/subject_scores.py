"""One subject: its images, photos and prior images embedded, and the rows of the score tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.metrics.clip_t import caption_cosines
from dreambench.metrics.diversity import index_pairs
from dreambench.metrics.diversity_groups import DiversityGroups, pair_key
from dreambench.metrics.embeddings import EmbeddingJob, EmbeddingStore, ImageFile, embed
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.image_similarity import photo_pair_similarity, similarity_to_photos
from dreambench.metrics.tables import BenchmarkImage, PriorImage, image_row
from dreambench.store import RunFolder
from dreambench.store.files import sha256_of

SubjectScores = dict[str, list[dict[str, Any]]]


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
    captions: Mapping[str, Tensor] | None,
    encoders: ProtocolEncoders,
    pool: ThreadPoolExecutor,
    *,
    batch_size: int,
    on_image: Callable[[int], None],
) -> SubjectScores:
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
        scorer.embed(pool, batch_size, on_image)
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
        self.run, self.subject, self.images, self.encoders = run, subject, images, encoders
        self.metrics = set(encoders.protocol.metrics)
        self.clip = EmbeddingStore(run.embedding_file(encoders.clip_key, subject))
        self.dino = EmbeddingStore(run.embedding_file(encoders.dino_key, subject))
        self.lpips = EmbeddingStore(run.embedding_file(encoders.lpips_key, subject))
        self.cells = sorted(
            (cell for cell in images.cells if cell.file is not None),
            key=lambda cell: (cell.prompt_index, cell.image_index),
        )
        files = [*images.photos, *(c.file for c in self.cells if c.file), *(p.file for p in images.priors)]
        self.sha256 = dict(zip(files, pool.map(_hash, files), strict=True))

    # -- embedding ------------------------------------------------------------------------------

    def embed(self, pool: ThreadPoolExecutor, batch_size: int, on_image: Callable[[int], None]) -> None:
        """Embed photos and cells, then prior images: PRES or not, the first batches are the same."""
        photos = [ImageFile(file, self.sha256[file], "photo") for file in self.images.photos]
        cells = [ImageFile(c.file, self.sha256[c.file]) for c in self.cells if c.file]
        priors = [ImageFile(p.file, self.sha256[p.file]) for p in self.images.priors]
        wanted = self._wanted()
        groups = self._groups() if "div" in self.metrics else []
        sink = DiversityGroups(groups, self.lpips, lambda: self.encoders.lpips, batch_size)
        for images in ([*photos, *cells], priors):
            distinct = list({image.sha256: image for image in reversed(images)}.values())[::-1]
            embed(distinct, wanted, sink, pool, batch_size, on_image)
            if len(images) > len(distinct):
                on_image(len(images) - len(distinct))

    def _wanted(self) -> dict[str, EmbeddingJob]:
        photos = {self.sha256[file] for file in self.images.photos}
        cells = {self.sha256[c.file] for c in self.cells if c.file}
        priors = {self.sha256[p.file] for p in self.images.priors}
        clip, dino = set(), set()
        if "clip_i" in self.metrics:
            clip |= photos | cells
        if "clip_t" in self.metrics:
            clip |= cells
        if "dino" in self.metrics:
            dino |= photos | cells
        if "pres" in self.metrics:
            dino |= photos | priors
        return {
            "clip": EmbeddingJob(lambda: self.encoders.clip, self.clip, clip),
            "dino": EmbeddingJob(lambda: self.encoders.dino, self.dino, dino),
        }

    def _groups(self) -> list[list[tuple[str, Path]]]:
        return [
            [(self.sha256[cell.file], cell.file) for cell in group if cell.file]
            for _, group in groupby(self.cells, key=lambda cell: cell.prompt_index)
        ]

    def save(self) -> None:
        """Keep what was embedded and measured."""
        for vectors in (self.clip, self.dino, self.lpips):
            vectors.save()

    # -- scores ---------------------------------------------------------------------------------

    def _matrix(self, vectors: EmbeddingStore, files: Iterable[Path | None]) -> Tensor:
        return vectors.matrix([self.sha256[file] for file in files if file])

    def image_rows(self, captions: Mapping[str, Tensor] | None) -> list[dict[str, Any]]:
        """Return one row per expected image, in the order given."""
        files = [cell.file for cell in self.cells]
        columns: dict[str, list[float]] = {}
        for metric, vectors in (("clip_i", self.clip), ("dino", self.dino)):
            if metric in self.metrics and files:
                photos = self._matrix(vectors, self.images.photos)
                columns[metric] = similarity_to_photos(self._matrix(vectors, files), photos)
        if captions is not None and files:
            texts = torch.stack([captions[cell.caption] for cell in self.cells])
            columns["clip_t"] = caption_cosines(self._matrix(self.clip, files), texts)
        scores = {
            (cell.prompt_index, cell.image_index): {name: values[i] for name, values in columns.items()}
            for i, cell in enumerate(self.cells)
        }
        return [
            image_row(
                cell,
                None if cell.file is None else self.run.relative(cell.file),
                scores.get((cell.prompt_index, cell.image_index), {}),
            )
            for cell in self.images.cells
        ]

    def diversity_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of expected images of a prompt; NaN where one of them is missing."""
        if "div" not in self.metrics:
            return []
        rows = []
        ordered = sorted(self.images.cells, key=lambda cell: (cell.prompt_index, cell.image_index))
        for prompt_index, group in groupby(ordered, key=lambda cell: cell.prompt_index):
            members = list(group)
            for i, j in index_pairs(len(members)):
                rows.append(
                    {
                        "subject": self.subject,
                        "prompt_index": prompt_index,
                        "pair": f"{members[i].image_index}-{members[j].image_index}",
                        "lpips": self._distance(members[i], members[j]),
                    }
                )
        return rows

    def _distance(self, a: BenchmarkImage, b: BenchmarkImage) -> float:
        if a.file is None or b.file is None:
            return math.nan
        return float(self.lpips[pair_key(self.sha256[a.file], self.sha256[b.file])])

    def prior_rows(self) -> list[dict[str, Any]]:
        """Return one row per prior image."""
        priors = self.images.priors
        if "pres" not in self.metrics or not priors:
            return []
        images = self._matrix(self.dino, [prior.file for prior in priors])
        values = similarity_to_photos(images, self._matrix(self.dino, self.images.photos))
        return [
            {
                "subject": self.subject,
                "image_index": prior.image_index,
                "file": self.run.relative(prior.file),
                "pres": value,
            }
            for prior, value in zip(priors, values, strict=True)
        ]

    def photo_rows(self) -> list[dict[str, Any]]:
        """Return one row per pair of photos."""
        names = [file.name for file in self.images.photos]
        rows: list[dict[str, Any]] = [
            {"subject": self.subject, "photo_a": names[i], "photo_b": names[j]}
            for i, j in index_pairs(len(names))
        ]
        for metric, vectors in (("clip_i", self.clip), ("dino", self.dino)):
            if metric in self.metrics:
                pairs = photo_pair_similarity(self._matrix(vectors, self.images.photos))
                rows = [{**row, metric: value} for row, (_, _, value) in zip(rows, pairs, strict=True)]
        return rows


def _hash(file: Path) -> str:
    try:
        return sha256_of(file)
    except OSError as error:
        raise DreambenchError(f"image {file} cannot be read: {error.strerror}") from error
