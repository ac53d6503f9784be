"""Streams of renderings: a window of shards on disk that moves on as training does.

Everything is a function of (stream, seed, shard index, step), so a session that goes on from a checkpoint
sees the very batches that an uninterrupted one would have seen. No torch here: renderers are processes.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from dreambench.store.files import write_atomically
from miniature.world import (
    ACCESSORIES,
    CLASS_NOUNS,
    COLOR_WORDS,
    CONTEXTS,
    PATTERN_WORDS,
    PROPERTIES,
    Scene,
    Truth,
    Vector,
    caption,
    render,
    sample_scene,
    sample_vector,
    truth_of,
)

#: One stream of renderings per stage. The scorers' and the judge's share nothing with the generator's.
STREAMS = {"vae": 11, "unet": 12, "text": 21, "dino": 22, "lpips": 23, "judge": 31, "evaluate": 41}

#: What a label's column tells, with its names; the number after the last name means "none".
LABELS: dict[str, tuple[str, ...]] = {
    "class": CLASS_NOUNS,
    "context": tuple(CONTEXTS),
    "accessory": tuple(ACCESSORIES),
    "property": tuple(PROPERTIES),
    "colour": tuple(COLOR_WORDS),
    "pattern": tuple(PATTERN_WORDS),
}
#: Views of one subject that lie side by side in a shard of the ``dino`` stream.
VIEWS = 4


@dataclass(frozen=True)
class Shard:
    """Renderings with what is known of them.

    ``images`` uint8 [n, 64, 64, 3]; ``masks`` uint8 [n, 16, 16], the subject's share of each 4 x 4 pixels;
    ``captions`` [n, 2], without and with attribute words; ``labels`` int64 [n, 6], columns as ``LABELS``.
    """

    images: np.ndarray
    masks: np.ndarray
    captions: np.ndarray
    labels: np.ndarray


def labels_of(truth: Truth) -> list[int]:
    """Return a truth's numbers in the order of ``LABELS``."""
    color = truth.colors[0] if truth.colors else None
    told = (truth.class_noun, truth.context, truth.accessory, truth.property, color, truth.pattern)
    return [
        names.index(name) if name in names else len(names)
        for names, name in zip(LABELS.values(), told, strict=True)
    ]


def _views(rng: np.random.Generator, count: int) -> list[Scene]:
    """Return ``VIEWS`` scenes each of ``count`` subjects; the first half of them share a class.

    Properties that change what a subject looks like are left out: those pictures would be no positives.
    """
    noun = CLASS_NOUNS[int(rng.integers(len(CLASS_NOUNS)))]
    scenes: list[Scene] = []
    for index in range(count):
        vector = sample_vector(noun if index < count // 2 else str(rng.choice(CLASS_NOUNS)), rng)
        scenes += [identity_scene(rng, vector) for _ in range(VIEWS)]
    return scenes


def identity_scene(rng: np.random.Generator, vector: Vector) -> Scene:
    """Return a scene that shows the vector in its own colors and shape."""
    while True:
        scene = sample_scene(rng, vector=vector)
        if scene.property not in ("red", "purple", "cube"):
            return scene


def shard_scenes(stream: str, seed: int, index: int, size: int) -> tuple[list[Scene], np.random.Generator]:
    """Return a shard's scenes, and the generator that its captions are drawn from."""
    rng = np.random.default_rng((STREAMS[stream], seed, index))
    if stream == "dino":
        return _views(rng, size // VIEWS), rng
    return [sample_scene(rng) for _ in range(size)], rng


def render_shard(stream: str, seed: int, index: int, size: int) -> Shard:
    """Render shard ``index`` of a stream: always the same for the same arguments."""
    scenes, rng = shard_scenes(stream, seed, index, size)
    drawn = [render(scene) for scene in scenes]
    masks = np.stack([entry.mask.reshape(16, 4, 16, 4).mean((1, 3)) for entry in drawn])
    return Shard(
        np.stack([entry.image for entry in drawn]),
        (masks + 0.5).astype(np.uint8),
        np.array([[caption(scene, rng, attributes=told) for told in (False, True)] for scene in scenes]),
        np.array([labels_of(truth_of(scene)) for scene in scenes], np.int64),
    )


def _write_shard(file: Path, stream: str, seed: int, index: int, size: int) -> None:
    shard = render_shard(stream, seed, index, size)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as opened:
            np.savez(
                opened,
                images=shard.images,
                masks=shard.masks,
                captions=shard.captions,
                labels=shard.labels,
            )

    write_atomically(file, write)


def _read_shard(file: Path) -> Shard:
    with np.load(file, allow_pickle=False) as opened:
        return Shard(**{name: opened[name] for name in ("images", "masks", "captions", "labels")})


T = TypeVar("T")


@dataclass(frozen=True)
class PoolSize:
    """How much is kept: ``window`` shards of ``shard`` renderings, each seen ``reuse`` times on average."""

    shard: int = 512
    window: int = 40
    reuse: int = 6


class ShardPool(Generic[T]):
    """The window of a stream that training draws from, prepared shard by shard."""

    def __init__(
        self, folder: Path, stream: str, seed: int, batch: int, size: PoolSize, prepare: Callable[[Shard], T]
    ) -> None:
        self.folder, self.stream, self.seed = folder, stream, seed
        self.batch, self.size, self.prepare = batch, size, prepare
        self.shards: dict[int, T] = {}
        self._coming: dict[int, Future[None]] = {}
        self._renderers: ProcessPoolExecutor | None = None

    def first(self, step: int) -> int:
        """Return the index of the oldest shard in the window at a step."""
        return step * self.batch // (self.size.shard * self.size.reuse)

    def advance(self, step: int, report: Callable[[int, int], None] | None = None) -> None:
        """Move the window to a step's place; shards that left it are removed, new ones rendered."""
        first = self.first(step)
        window = range(first, first + self.size.window)
        if self.shards and window[0] in self.shards and window[-1] in self.shards:
            return
        for index in [index for index in self.shards if index < first]:
            del self.shards[index]
            self._file(index).unlink(missing_ok=True)
        # One shard more than needed: it is rendered while training goes on.
        for index in (*window, window[-1] + 1):
            self._order(index)
        for index in window:
            if index not in self.shards:
                self.shards[index] = self.prepare(self._fetch(index))
                if report:
                    report(len(self.shards), len(window))

    def rows(self, step: int, count: int) -> list[tuple[int, int]]:
        """Return ``count`` pairs (shard index, row) of a step's batch."""
        rng = np.random.default_rng((STREAMS[self.stream], self.seed, step, 1))
        shards = self.first(step) + rng.integers(self.size.window, size=count)
        return list(zip(shards.tolist(), rng.integers(self.size.shard, size=count).tolist(), strict=True))

    def close(self) -> None:
        """Stop the renderers."""
        if self._renderers:
            self._renderers.shutdown(wait=True, cancel_futures=True)
            self._renderers = None

    def _file(self, index: int) -> Path:
        return self.folder / f"{self.seed}-{self.size.shard}-{index:06d}.npz"

    def _order(self, index: int) -> None:
        if index in self.shards or index in self._coming or self._file(index).is_file():
            return
        if self.size.shard * self.size.window <= 1024:  # not worth a process
            _write_shard(self._file(index), self.stream, self.seed, index, self.size.shard)
            return
        if self._renderers is None:
            self._renderers = ProcessPoolExecutor(
                min(2, os.cpu_count() or 1),
                multiprocessing.get_context("spawn"),
                initializer=_yield_to_training,
            )
        self._coming[index] = self._renderers.submit(
            _write_shard, self._file(index), self.stream, self.seed, index, self.size.shard
        )

    def _fetch(self, index: int) -> Shard:
        future = self._coming.pop(index, None)
        if future:
            try:
                future.result()
            except BrokenProcessPool:  # a renderer was killed: go on without
                _write_shard(self._file(index), self.stream, self.seed, index, self.size.shard)
        return _read_shard(self._file(index))


def _yield_to_training() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's to handle
    if hasattr(os, "nice"):
        os.nice(10)
