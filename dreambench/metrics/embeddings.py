"""Each image decoded once and embedded once per encoder: the stream of images, and the stored embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dreambench.dataset import read_image
from dreambench.errors import DreambenchError
from dreambench.models.encoders.image_encoder import ImageEncoder
from dreambench.store.sealed_rows import read_rows, write_rows

if TYPE_CHECKING:
    from dreambench.metrics.diversity_groups import DiversityGroups


@dataclass(frozen=True)
class ImageFile:
    """One image to embed: its file, the SHA-256 of its bytes, and what it is ("photo", "image")."""

    file: Path
    sha256: str
    what: str = "image"


class EmbeddingStore:
    """The embeddings of one encoder for one subject, by the SHA-256 of the image's (or text's) bytes.

    Stored in one safetensors file with a checksum, written atomically. If the file is damaged, the
    embeddings are computed again; ``damaged`` says that it was.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._changed = self.damaged = False
        self._rows: dict[str, Tensor] = {}
        try:
            self._rows = {name: torch.from_numpy(row) for name, row in read_rows(file).items()}
        except DreambenchError:
            self._changed = self.damaged = True

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._rows

    def __getitem__(self, sha256: str) -> Tensor:
        return self._rows[sha256]

    def add(self, sha256: str, row: Tensor) -> None:
        """Store one embedding (any shape) as float32. Raises DreambenchError if it is not finite."""
        if not bool(torch.isfinite(row).all()):
            raise DreambenchError(
                f"{self.file.parent.name}: an embedding or a distance is not finite",
                "the encoder's weights are damaged; check the protocol's weights",
            )
        self._rows[sha256] = row.detach().float().cpu().clone()
        self._changed = True

    def matrix(self, keys: Sequence[str]) -> Tensor:
        """Return the embeddings [n, d] of some images, in the given order."""
        return torch.stack([self._rows[key] for key in keys]) if keys else torch.empty(0, 0)

    def save(self) -> None:
        """Write the file if anything was added."""
        if not self._changed:
            return
        write_rows(self.file, {name: row.contiguous().numpy() for name, row in self._rows.items()})
        self._changed = False


@dataclass(frozen=True)
class EmbeddingJob:
    """The images, by SHA-256, for the encoder ``name`` to embed; the encoder is loaded at first use."""

    encoder: Callable[[], ImageEncoder]
    vectors: EmbeddingStore
    images: set[str]
    name: str

    def lacks(self, image: ImageFile) -> bool:
        """Whether an image is wanted and not embedded yet."""
        return image.sha256 in self.images and image.sha256 not in self.vectors


def embed(
    images: Sequence[ImageFile],
    wanted: Mapping[str, EmbeddingJob],
    sinks: Mapping[str, DiversityGroups],
    pool: ThreadPoolExecutor,
    batch_size: int,
    on_image: Callable[[int], None],
) -> None:
    """Decode each image once, in ``pool`` and one batch ahead, and embed what is missing.

    Batches are cut from the whole list, not from what is still missing, so that interrupted scoring resumes
    with the same batches, and gives the same bits, as scoring without an interruption. ``on_image`` gets
    the number of images of each finished batch. Raises DreambenchError naming the first file that cannot be
    read; what was embedded by then stays in the stores. ``wanted`` and ``sinks`` have no name in common.
    """
    # Loaded here and not in the pool, where several threads would load it at once.
    encoders = {name: w.encoder() for name, w in wanted.items() if any(w.lacks(i) for i in images)}

    def prepare(image: ImageFile) -> dict[str, Tensor]:
        users = [name for name in encoders if wanted[name].lacks(image)]
        takers = [name for name, sink in sinks.items() if sink.wants(image.sha256)]
        if not users and not takers:
            return {}
        decoded = read_image(image.file, image.what)
        tensors = {name: encoders[name].preprocess(decoded) for name in users}
        return {**tensors, **{name: sinks[name].preprocess(decoded) for name in takers}}

    batches = [images[i : i + batch_size] for i in range(0, len(images), batch_size)]
    for batch, prepared in zip(batches, _one_batch_ahead(pool, batches, prepare), strict=True):
        for name, encoder in encoders.items():
            _embed_batch(batch, [tensors.get(name) for tensors in prepared], encoder, wanted[name])
        for image, tensors in zip(batch, prepared, strict=True):
            for name in sinks.keys() & tensors.keys():
                sinks[name].add(image.sha256, tensors[name])
        on_image(len(batch))


def _one_batch_ahead(
    pool: ThreadPoolExecutor,
    batches: Sequence[Sequence[ImageFile]],
    prepare: Callable[[ImageFile], dict[str, Tensor]],
) -> Iterator[list[dict[str, Tensor]]]:
    ahead: list[Future[dict[str, Tensor]]] = []
    current: list[Future[dict[str, Tensor]]] = []
    try:
        for following in [*batches, []]:
            current, ahead = ahead, [pool.submit(prepare, image) for image in following]
            if current:
                yield [future.result() for future in current]
    finally:
        for future in [*current, *ahead]:
            future.cancel()


def _embed_batch(
    batch: Sequence[ImageFile],
    tensors: Sequence[Tensor | None],
    encoder: ImageEncoder,
    wanted: EmbeddingJob,
) -> None:
    present = [(image, tensor) for image, tensor in zip(batch, tensors, strict=True) if tensor is not None]
    if not present:
        return
    rows = encoder.forward(torch.stack([tensor for _, tensor in present]))
    for (image, _), row in zip(present, rows, strict=True):
        if not bool(torch.isfinite(row).all()):
            raise DreambenchError(
                f"the {wanted.name} encoder returns an embedding of {image.file} that is not finite",
                f"its weights are damaged; check protocol.{wanted.name}.weights",
            )
        wanted.vectors.add(image.sha256, row)
