"""Each image decoded once and embedded once per encoder: the stream of images, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.models.encoders.base import ImageEncoder
from dreambench.store.files import write_atomically

Pixels = Callable[["ImageFile", Tensor], None]


@dataclass(frozen=True)
class ImageFile:
    """One image to embed: its file, the SHA-256 of its bytes, and what it is ("photo", "image")."""

    file: Path
    sha256: str
    what: str = "image"


class Vectors:
    """The embeddings of one encoder for one subject, by the SHA-256 of the image's (or text's) bytes.

    Kept in one safetensors file, which is whole or absent. A file that cannot be read is as good as
    absent: its embeddings are computed again.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._changed = False
        self._rows: dict[str, Tensor] = _read(file)

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._rows

    def __getitem__(self, sha256: str) -> Tensor:
        return self._rows[sha256]

    def add(self, sha256: str, row: Tensor) -> None:
        """Keep one embedding (any shape) as float32."""
        self._rows[sha256] = row.detach().float().cpu().clone()
        self._changed = True

    def matrix(self, keys: Sequence[str]) -> Tensor:
        """Return the embeddings [n, d] of some images, in their order."""
        return torch.stack([self._rows[key] for key in keys]) if keys else torch.empty(0, 0)

    def save(self) -> None:
        """Write the file if anything was added."""
        if not self._changed:
            return
        from safetensors.torch import save_file

        write_atomically(self.file, lambda path: save_file(self._rows, path))
        self._changed = False


def _read(file: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(file))
    except (FileNotFoundError, SafetensorError):
        return {}


@dataclass(frozen=True)
class Wanted:
    """Who wants which images: an encoder (loaded when first needed), its vectors, and the images' SHA-256."""

    encoder: Callable[[], ImageEncoder]
    vectors: Vectors
    images: frozenset[str]


class ImageStream:
    """Decodes images in a thread pool, one batch ahead of the encoders.

    Batches are cut from the whole list, not from what is still missing, so that an interrupted scoring
    goes on with the same batches, and with the same bits, as one that was not interrupted.
    """

    def __init__(self, pool: ThreadPoolExecutor, batch_size: int) -> None:
        self.pool, self.batch_size = pool, batch_size

    def embed(
        self,
        images: Sequence[ImageFile],
        wanted: Mapping[str, Wanted],
        pixels_of: frozenset[str],
        preprocess_pixels: Callable[[Image.Image], Tensor],
        on_pixels: Pixels,
        on_image: Callable[[int], None],
    ) -> None:
        """Embed what is missing, batch by batch.

        ``on_pixels`` gets the pixels of every image in ``pixels_of`` (SHA-256), in order. Raises
        DreambenchError naming the first file that cannot be read; what was embedded by then stays in the
        vectors.
        """
        batches = [images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size)]

        def prepare(image: ImageFile) -> dict[str, Tensor]:
            users = [name for name, want in wanted.items() if _missing(image, want)]
            if not users and image.sha256 not in pixels_of:
                return {}
            decoded = _decode(image)
            tensors = {name: wanted[name].encoder().preprocess(decoded) for name in users}
            if image.sha256 in pixels_of:
                tensors["pixels"] = preprocess_pixels(decoded)
            return tensors

        for batch, tensors in zip(batches, self._one_ahead(batches, prepare), strict=True):
            for name, want in wanted.items():
                _embed_batch(batch, [t.get(name) for t in tensors], want, name)
            for image, prepared in zip(batch, tensors, strict=True):
                if "pixels" in prepared:
                    on_pixels(image, prepared["pixels"])
            on_image(len(batch))

    def _one_ahead(
        self,
        batches: Sequence[Sequence[ImageFile]],
        prepare: Callable[[ImageFile], dict[str, Tensor]],
    ) -> Iterator[list[dict[str, Tensor]]]:
        ahead: list[Future[dict[str, Tensor]]] = []
        try:
            for following in [*batches, []]:
                current, ahead = ahead, [self.pool.submit(prepare, image) for image in following]
                if current:
                    yield [future.result() for future in current]
        finally:
            for future in ahead:
                future.cancel()


def _missing(image: ImageFile, want: Wanted) -> bool:
    return image.sha256 in want.images and image.sha256 not in want.vectors


def _decode(image: ImageFile) -> Image.Image:
    from dreambench.benchmark import read_image

    return read_image(image.file, image.what)


def _embed_batch(batch: Sequence[ImageFile], tensors: Sequence[Tensor | None], want: Wanted, name: str) -> None:
    present = [(image, tensor) for image, tensor in zip(batch, tensors, strict=True) if tensor is not None]
    if not present:
        return
    rows = want.encoder().forward(torch.stack([tensor for _, tensor in present]))
    for (image, _), row in zip(present, rows, strict=True):
        if not bool(torch.isfinite(row).all()):
            raise DreambenchError(
                f"the {name} encoder gives no finite embedding of {image.file}",
                f"its weights are damaged; check protocol.{name}.weights",
            )
        want.vectors.add(image.sha256, row)
