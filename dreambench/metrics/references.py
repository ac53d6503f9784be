"""Which photos an image is compared with, and on which scale its score stands: what a protocol decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError
from dreambench.spec.metric import Metric
from dreambench.spec.protocol_spec import ProtocolSpec

if TYPE_CHECKING:
    from torch import Tensor


#: What a model saw of each subject: how many of its first photos, or one photo's file name by subject.
PhotosSeen = int | Mapping[str, str]


def input_photo(
    protocol: ProtocolSpec, subject: str, photos: Sequence[Path], shown: PhotosSeen | None = None
) -> Path:
    """Return the photo that a model was shown: the one that the protocol lists, otherwise the run's.

    Where the run does not name one (``shown``), it is the first. Raises DreambenchError where the subject has
    no photo of the listed name.
    """
    listed = protocol.input_photos.get(subject)
    if listed is None:
        return _named(shown, subject, photos) or photos[0]
    for photo in photos:
        if photo.stem == listed:
            return photo
    raise DreambenchError(
        f"protocol.input_photos lists {listed} of {subject}, which has no photo of that name",
        f"its photos: {', '.join(photo.stem for photo in photos)}",
    )


def reference_photos(
    protocol: ProtocolSpec, subject: str, photos: Sequence[Path], shown: PhotosSeen | None = None
) -> list[Path]:
    """Return the photos that a subject's images are compared with, in their order.

    ``photos`` are all of the subject's; ``shown`` is how many of the first a model was trained on, or the
    file name of the one that it was shown, by subject (None: the input photo alone). Where those are left out
    and one photo is asked for, it is the next one. Raises DreambenchError where no photo is left.
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
            f"subject {subject} has no photo beside those that the model was shown",
            "score it without protocol.leave_input_out",
        )
    if protocol.references != "listed":
        return left
    if own in left:
        return [own]
    after = [photo for photo in left if photo.name > own.name]
    return [(after or left)[0]]


def _named(shown: PhotosSeen | None, subject: str, photos: Sequence[Path]) -> Path | None:
    """Return the photo that a run names as the one that its model was shown, if it names any."""
    name = shown.get(subject) if isinstance(shown, Mapping) else None
    return next((photo for photo in photos if photo.name == name), None)


def compare_with_photos(
    metric: Metric, protocol: ProtocolSpec, images: Tensor, indices: Sequence[int], references: Tensor
) -> list[float]:
    """Return one number per image, on the protocol's scale.

    ``images`` are embeddings [n, d] with the image index of each, ``references`` those of the reference
    photos [m, d]. With ``paired`` references image i is compared with photo i, counted around.
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
    """Return a metric's numbers as the protocol writes them: clipped at 0 and multiplied, if it says so.

    NaN, a missing score, stays NaN.
    """
    clipped, factor = metric.name in protocol.clipped, protocol.scale.get(metric.name, 1.0)
    return [factor * (0.0 if clipped and value < 0 else value) for value in values]
