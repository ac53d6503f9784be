"""Scores inside a training loop: images of one subject in, the protocol's scores out, nothing on disk."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from dreambench.dataset import as_rgb, read_image
from dreambench.errors import DreambenchError
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.references import compare_with_photos, on_scale
from dreambench.models.device import chosen_device
from dreambench.models.encoders.lpips_network import image_pixels
from dreambench.models.exact_float32 import float32_by_default
from dreambench.models.weights import with_fingerprints
from dreambench.spec.metric import Metric
from dreambench.spec.presets import protocol_spec
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric

#: Why some metrics cannot be computed in a loop, and the function that computes them.
_ELSEWHERE = {
    "prior": ("needs images of the bare class", "run"),
    "base": ("needs the base model's images", "run"),
    "files": ("reads files", "score"),
}
ImageLike = Image.Image | str | Path


class Scorer:
    """Scores images of one subject as they are generated, with a protocol's encoders, transforms and scale.

    ``photos`` are the real photos that the protocol compares with: all of the subject's, without the one that
    the model was shown if the protocol leaves it out, or the one that it lists. ``class_noun`` names the
    subject's class. ``protocol`` is a name, a YAML file or a ``Protocol``; ``metrics`` (None: the protocol's)
    are names. Metrics of other images than those of prompts (PRES, drift) are left out. ``identifier`` is
    removed from prompts where the protocol's captions have none. ``device`` is ``auto`` or a name of torch's.

    Raises DreambenchError if a photo cannot be read, an encoder is missing, there are no photos, or there are
    several and the protocol compares with one.

    Example:
        >>> from dreambench.paths import data_folder
        >>> photos = sorted((data_folder() / "mini" / "photos" / "dog").glob("*.png"))
        >>> scorer = Scorer(photos[:3], "dog", protocol="mini", device="cpu")
        >>> scorer.update(photos[3:5], "a photo of a {}")
        >>> sorted(scorer.compute())
        ['clip_i', 'clip_t', 'dino', 'div']
    """

    def __init__(
        self,
        photos: Sequence[ImageLike],
        class_noun: str,
        *,
        protocol: str | Path | ProtocolSpec = "paper",
        metrics: Sequence[str] | None = None,
        identifier: str | None = None,
        device: str = "auto",
    ) -> None:
        photos = _several(photos, "photos")
        if not photos:
            raise DreambenchError("a subject without photos has nothing to compare with", "give its photos")
        spec = protocol if isinstance(protocol, ProtocolSpec) else protocol_spec(str(protocol))
        own = [name for name in spec.metrics if get_metric(name).compares not in ("prior", "base")]
        if spec.subject_pairs:
            raise DreambenchError(
                "a Scorer is of one subject, and the protocol is for images of two",
                "use dreambench.score, or a protocol of single subjects",
            )
        names = own if metrics is None else _several(metrics, "metrics")
        asked = [_checked(get_metric(name)).name for name in names]
        if not asked:
            raise DreambenchError("no metric is asked for", "name some, or leave metrics out")
        self.protocol = with_fingerprints(spec.with_metrics(asked))
        if self.protocol.references == "listed" and len(photos) > 1:
            raise DreambenchError(
                f"this protocol compares with one photo of a subject, and {len(photos)} are given",
                "give the one that it lists (protocol.input_photos), otherwise the first",
            )
        self.class_noun, self.identifier = class_noun, identifier
        self._metrics = [get_metric(name) for name in self.protocol.metrics]
        self._encoders = ProtocolEncoders(self.protocol, chosen_device(device))
        self._photo_images = [_rgb(photo) for photo in photos]
        self._photos: dict[str, Tensor] = {}
        self.reset()

    def reset(self) -> None:
        """Drop the images; the photos and the encoders stay."""
        self._scores: dict[str, list[float]] = {metric.name: [] for metric in self._metrics}
        #: How many images each caption has had.
        self._counts: Counter[str] = Counter()
        #: The images of metrics of pairs, by the metric's name and the caption.
        self._pixels: dict[tuple[str, str], list[Tensor]] = defaultdict(list)

    def update(self, images: Sequence[ImageLike], prompts: str | Sequence[str]) -> None:
        """Add images with their prompts: one per image, or one for all.

        A prompt may have ``{}`` in place of the subject: the caption has the class noun there. Images of a
        prompt beyond those that the protocol counts are left out. Raises DreambenchError if the numbers of
        images and prompts differ.
        """
        images = _several(images, "images")
        texts = [prompts] * len(images) if isinstance(prompts, str) else list(prompts)
        if len(texts) != len(images):
            raise DreambenchError(
                f"{len(images)} images and {len(texts)} prompts do not match", "give one prompt per image"
            )
        given: list[tuple[Image.Image, str, int]] = []
        for image, caption in zip(map(_rgb, images), map(self.caption, texts), strict=True):
            index = sum(caption == earlier for _, earlier, _ in given) + self._counts[caption]
            if index < self.protocol.images_of(index + 1):
                given.append((image, caption, index))
        if given:
            self._add(given)

    @float32_by_default()
    def _add(self, given: Sequence[tuple[Image.Image, str, int]]) -> None:
        """Score images with their captions and indices."""
        decoded, captions, indices = zip(*given, strict=True)
        self._counts.update(captions)
        embedded: dict[str, Tensor] = {}
        for metric in self._metrics:
            if metric.compares == "pairs":
                size = metric.pair_size(metric.settings(self.protocol))
                for caption, image in zip(captions, decoded, strict=True):
                    self._pixels[metric.name, caption].append(image_pixels(image, size))
                continue
            encoder = self._encoders.load(metric.encoder)
            if metric.encoder not in embedded:
                embedded[metric.encoder] = _finite(encoder.embed_images(decoded), metric)
            rows = embedded[metric.encoder]
            if metric.compares == "photos":
                photos = self._photos_of(metric)
                found = compare_with_photos(metric, self.protocol, rows, indices, photos)
            else:
                found = on_scale(metric, self.protocol, metric.score(rows, encoder.embed_texts(captions)))
            self._scores[metric.name] += found

    @float32_by_default()
    def compute(self) -> dict[str, float]:
        """Return each metric's mean over the images so far; NaN if there is nothing to average.

        Metrics of pairs are averaged over the pairs of a prompt's images, then over prompts.
        """
        means = {name: _mean(values) for name, values in self._scores.items()}
        for metric in self._metrics:
            if metric.compares == "pairs":
                groups = [group for (name, _), group in self._pixels.items() if name == metric.name]
                means[metric.name] = _mean([self._diversity(metric, g) for g in groups if g[1:]])
        return means

    def caption(self, prompt: str) -> str:
        """Return the text that an image of a prompt is compared with."""
        text = prompt.replace("{}", self.class_noun)
        if self.identifier and self.protocol.caption == "no-identifier":
            word = rf"(?<!\w){re.escape(self.identifier)}(?!\w)"
            text = " ".join(re.sub(word, " ", text).split())
        return text

    def _photos_of(self, metric: Metric) -> Tensor:
        if metric.encoder not in self._photos:
            rows = self._encoders.load(metric.encoder).embed_images(self._photo_images)
            self._photos[metric.encoder] = _finite(rows, metric)
        return self._photos[metric.encoder]

    def _diversity(self, metric: Metric, group: list[Tensor]) -> float:
        names = [Path(f"image {i + 1}") for i in range(len(group))]
        distances = metric.distances(group, names, self._encoders.load(metric.encoder), 32)
        return _mean(on_scale(metric, self.protocol, list(distances.values())))


def _several(given: Any, what: str) -> list[Any]:
    """Return a sequence as a list; a single thing, which a text would be too, is refused."""
    if isinstance(given, str | Path) or not isinstance(given, Iterable):
        raise DreambenchError(f"{what} is a single {type(given).__name__}", f"give a list of {what}")
    return list(given)


def _checked(metric: Metric) -> Metric:
    if metric.compares in _ELSEWHERE:
        reason, function = _ELSEWHERE[metric.compares]
        raise DreambenchError(f"{metric.title} {reason}", f"omit it, or use dreambench.{function}")
    return metric


def _rgb(image: ImageLike) -> Image.Image:
    if isinstance(image, Image.Image):
        return as_rgb(image)
    if not isinstance(image, str | Path):
        raise DreambenchError(f"{type(image).__name__} is not an image", "give a PIL image, or a file's path")
    return read_image(Path(image))


def _finite(rows: Tensor, metric: Metric) -> Tensor:
    if not bool(torch.isfinite(rows).all()):
        raise DreambenchError(
            f"the {metric.encoder} encoder returns embeddings that are not finite", "check its weights"
        )
    return rows


def _mean(values: list[Any]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
