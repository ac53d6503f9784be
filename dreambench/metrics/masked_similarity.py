"""Similarity to the subject's photos inside a mask of the subject: the background does not count."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from dreambench.errors import DreambenchError
from dreambench.metrics.kept_scores import KeptScores, content_key
from dreambench.metrics.masks import Masks, NoMaskError, Picture, check_masks, mask_label
from dreambench.models.encoders.named_weights import dino_download
from dreambench.paths import sha256_of
from dreambench.spec.file_metric import FileMetric, ScoredFile, missing_scores
from dreambench.spec.metric import WeightsFile, named_weights
from dreambench.spec.protocol_spec import ProtocolSpec

#: How many images the encoder takes at once.
_BATCH = 16


class MaskedSimilarity(FileMetric):
    """A similarity to photos with masks; an image without a mask has no score and is counted as missing.

    A subclass sets ``encoder`` and ``Settings`` (a ``MaskedSpec`` with a ``place`` of its own), and defines
    ``load_encoder``, ``views`` and ``similarity``. Scores are stored by the content of image, photos and
    masks.
    """

    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    #: Whether generated images also need masks.
    masks_images: ClassVar[bool] = True

    @abstractmethod
    def views(self, encoder: Any, pictures: Sequence[Picture], settings: Any) -> list[Any]:
        """Return the embedding or tokens of each picture inside its mask (None: without a mask)."""

    @abstractmethod
    def similarity(self, image: Any, photos: Sequence[Any]) -> float:
        """Return the score of an image, from its ``views`` and those of the photos."""

    def details(self, settings: Any) -> str:
        """Return what changes the numbers besides encoder and masks, for the signature."""
        return f"r{settings.resize}c{settings.crop}"

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights, its transform, and how the masks were made."""
        spec = self.settings(protocol)
        parts = (spec.model, named_weights(spec), self.details(spec), f"masks-{mask_label(spec)}")
        return {self.encoder: "/".join(parts)}

    def check(self, settings: Any) -> None:
        """Raise DreambenchError if there are no masks."""
        check_masks(settings)

    def download(self, settings: Any) -> WeightsFile:
        """Return timm's file of the model."""
        return dino_download(settings)

    def score_files(
        self, files: Sequence[ScoredFile], settings: Any, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Score on the CPU."""
        return self.score_with(files, settings, kept, note, partial(self.load_encoder, settings, "cpu"))

    def score_with(
        self,
        files: Sequence[ScoredFile],
        settings: Any,
        kept: Path,
        note: Callable[[str], None],
        load: Callable[[], Any],
    ) -> list[float]:
        """Return one score per file, NaN where its mask is missing or empty.

        Raises DreambenchError where a photo's mask is missing or empty, or a mask does not fit its image.
        """
        masks, scores, missing = Masks(settings), KeptScores(kept), list[str]()
        keys: list[str | None] = []
        for file in files:
            try:
                keys.append(self._key(masks, file))
            except NoMaskError as error:
                missing.append(str(error))
                keys.append(None)
        asked = [(file, key) for file, key in zip(files, keys, strict=True) if key and key not in scores]
        if asked:
            scores.add(self._found(asked, masks, settings, load(), missing))
        if missing:
            note(f"{self.name}: {missing[0]}; {missing_scores(len(missing))}")
        return [scores.get(key) for key in keys]

    def _key(self, masks: Masks, file: ScoredFile) -> str:
        """Return the key of a score: the content of the image, its photos, and their masks."""
        parts = [sha256_of(file.image)]
        if self.masks_images:
            parts.append(masks.key(masks.file_of_image(file)))
        with self._masks_of_photos():
            for photo in file.photos:
                parts += [sha256_of(photo), masks.key(masks.file_of_photo(file.subject, photo))]
        return content_key(*parts)

    @contextmanager
    def _masks_of_photos(self) -> Iterator[None]:
        """The context in which a missing mask is an error, because every photo must have one."""
        try:
            yield
        except NoMaskError as error:
            raise DreambenchError(
                f"{self.name}: {error}",
                f"every photo of a subject needs a mask in {self.Settings.place}.masks",
            ) from error

    def _found(
        self,
        asked: Sequence[tuple[ScoredFile, str]],
        masks: Masks,
        settings: Any,
        encoder: Any,
        missing: list[str],
    ) -> dict[str, float]:
        photos = {(file.subject, photo) for file, _ in asked for photo in file.photos}
        references: dict[tuple[str, Path], Any] = {}
        for batch in _batches(sorted(photos)):
            with self._masks_of_photos():
                pictures = [
                    masks.picture(photo, masks.file_of_photo(subject, photo), "photo")
                    for subject, photo in batch
                ]
            references.update(zip(batch, self.views(encoder, pictures, settings), strict=True))
        found: dict[str, float] = {}
        for part in _batches(asked):
            there = []
            for file, key in part:
                mask_file = masks.file_of_image(file) if self.masks_images else None
                try:
                    there.append((file, key, masks.picture(file.image, mask_file)))
                except NoMaskError as error:
                    missing.append(str(error))
            views = self.views(encoder, [picture for *_, picture in there], settings) if there else []
            for (file, key, _), view in zip(there, views, strict=True):
                score = self.similarity(view, [references[file.subject, photo] for photo in file.photos])
                if not math.isfinite(score):
                    raise DreambenchError(f"{self.title} of {file.image} is {score}", "check its weights")
                found[key] = score
        return found


def _batches(things: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (things[start : start + _BATCH] for start in range(0, len(things), _BATCH))
