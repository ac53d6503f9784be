"""Which photos an image is compared with, and the scale of its score: a protocol's choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError
from dreambench.spec.metric import Metric
from dreambench.spec.protocol_spec import ProtocolSpec

if TYPE_CHECKING:
    from torch import Tensor


#: What a model saw of each subject: the number of its first photos, or one photo's file name by subject.
PhotosSeen = int | Mapping[str, str]


def input_photo(
    protocol: ProtocolSpec, subject: str, photos: Sequence[Path], shown: PhotosSeen | None = None
) -> Path:
    """Return the photo that a model was shown: the one that the protocol lists, or else the run's.

    If the run does not name one (``shown``), it is the first. Raises DreambenchError if the subject has no
    photo with the listed name.
    """
    listed = protocol.input_photos.get(subject)
    if listed is None:
        return _named(shown, subject, photos) or photos[0]
    for photo in photos:
        if photo.stem == listed:
            return photo
    raise DreambenchError(
        f"protocol.input_photos lists {listed} for {subject}, which has no photo of that name",
        f"its photos: {', '.join(photo.stem for photo in photos)}",
    )


def reference_photos(
    protocol: ProtocolSpec, subject: str, photos: Sequence[Path], shown: PhotosSeen | None = None
) -> list[Path]:
    """Return the photos that a subject's images are compared with, in their order.

    ``photos`` are all photos of the subject; ``shown`` is how many of the first ones a model was trained on,
    or the file name of the one that it was shown, by subject (None: the input photo alone). If those are left
    out and the protocol compares with one photo, it is the next one. Raises DreambenchError if no photo is
    left.
    """
    own = input_photo(protocol, subject, photos, shown)
    left = list(photos)
    if protocol.leave_input_out and isinstance(shown, int):
        left = list(photos[shown:])
    elif protocol.leave_input_out:
        seen = _named(shown, subject, photos) or own
        left = [photo for photo in photos if photo != seen]
    if not left:
        raise DreambenchError(
            f"subject {subject} has no photo besides those that the model was shown",
            "score it without protocol.leave_input_out",
        )
    if protocol.references != "listed":
        return left
    if own in left:
        return [own]
    after = [photo for photo in left if photo.name > own.name]
    return [(after or left)[0]]


def _named(shown: PhotosSeen | None, subject: str, photos: Sequence[Path]) -> Path | None:
    """Return the photo that a run says its model was shown, if it names one."""
    name = shown.get(subject) if isinstance(shown, Mapping) else None
    return next((photo for photo in photos if photo.name == name), None)


def compare_with_photos(
    metric: Metric, protocol: ProtocolSpec, images: Tensor, indices: Sequence[int], references: Tensor
) -> list[float]:
    """Return one number per image, on the protocol's scale.

    ``images`` are embeddings [n, d] with the image index of each, ``references`` those of the reference
    photos [m, d]. With ``paired`` references, image i is compared with photo i modulo m.
    """
    if protocol.references != "paired":
        return on_scale(metric, protocol, metric.score(images, references))
    values = [0.0] * len(indices)
    for photo in range(len(references)):
        rows = [row for row, index in enumerate(indices) if index % len(references) == photo]
        if rows:
            found = metric.score(images[rows], references[photo : photo + 1])
            for row, value in zip(rows, found, strict=True):
                values[row] = value
    return on_scale(metric, protocol, values)


def on_scale(metric: Metric, protocol: ProtocolSpec, values: Sequence[float]) -> list[float]:
    """Return a metric's numbers on the protocol's scale: clipped at 0 and multiplied, if it says so.

    NaN, a missing score, stays NaN.
    """
    clipped, factor = metric.name in protocol.clipped, protocol.scale.get(metric.name, 1.0)
    return [factor * (0.0 if clipped and value < 0 else value) for value in values]
