"""A stage of training: what it must say of itself, and where its weights are."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dreambench.store.files import write_atomically
from miniature.train.data import STREAMS, PoolSize, ShardPool
from miniature.train.optimizer import Optimizer

WARMUP = 100
#: The last share of a stage's steps, in which the learning rate falls to nothing.
DECAY = 0.2


@dataclass(frozen=True)
class TrainingSession:
    """One call: where work is kept, what may be started from, how long it may take.

    ``source`` is a folder that ``export`` wrote; ``minutes`` and ``stop`` (steps) end a stage's session
    early; ``steps`` replaces a stage's planned number of steps; ``toy`` makes everything tiny, for tests.
    """

    work: Path
    source: Path | None = None
    minutes: float | None = None
    seed: int = 0
    steps: int | None = None
    stop: int | None = None
    toy: bool = False
    checkpoint_seconds: float = 60.0


class Stage(ABC):
    """One network's training. Subclasses build ``model`` and name its ``optimizer`` in ``__init__``.

    ``loss(step)`` must depend on the step, the seed and the weights alone: randomness comes from torch's
    global generator, which the loop seeds again at each step.
    """

    name: ClassVar[str]
    steps: int = 10_000
    batch: int = 32
    ema: float = 0.999
    sample_every: int = 1000
    pool_size: PoolSize = PoolSize()
    model: nn.Module
    optimizer: Optimizer
    pool: ShardPool[Any]

    def __init__(self, session: TrainingSession) -> None:
        self.session, self.folder = session, session.work / self.name
        if session.toy:
            self.steps, self.batch, self.pool_size = 4, 8, PoolSize(16, 2, 2)
        self.steps = session.steps or self.steps
        torch.manual_seed(STREAMS[self.name] * 1_000_003 + session.seed)

    @abstractmethod
    def load_source(self, folder: Path) -> None:
        """Load the weights that an earlier export left in ``folder``."""

    @abstractmethod
    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a step's batch, and figures for the log."""

    @abstractmethod
    def sample(self, model: nn.Module, file: Path) -> dict[str, float]:
        """Write a picture that shows how far the averaged ``model`` is; return figures for the log."""

    def make_pool(self, prepare: Any) -> None:
        """Open the stage's own stream of renderings."""
        folder = self.session.work / "renderings" / self.name
        self.pool = ShardPool(folder, self.name, self.session.seed, self.batch, self.pool_size, prepare)

    def progress(self, step: int) -> float:
        """Return how far the stage is, in [0, 1]."""
        return min(1.0, step / self.steps)


def learning_rate(step: int, steps: int) -> float:
    """Return the learning rate's factor: a short warm-up, constant, and a linear decay at the end.

    It depends on the step alone, never on when a session ends.
    """
    warm = min(1.0, (step + 1) / min(WARMUP, max(1, steps // 10)))
    return warm * min(1.0, (steps - step) / (steps * DECAY))


def checkpoint_file(work: Path, name: str) -> Path:
    """Return where a stage keeps its checkpoint."""
    return work / name / "checkpoint.safetensors"


def averaged_weights(work: Path, name: str) -> dict[str, Tensor] | None:
    """Return the averaged weights of a stage's checkpoint, or None where there is none."""
    file = checkpoint_file(work, name)
    if not file.is_file():
        return None
    with safe_open(file, framework="pt") as opened:
        return {key[4:]: opened.get_tensor(key) for key in opened.keys() if key.startswith("ema.")}  # noqa: SIM118


def save_weights(file: Path, model: nn.Module, **metadata: object) -> None:
    """Write a module's weights as float16 safetensors, with JSON metadata."""
    tensors = {n: t.detach().half().clone().contiguous() for n, t in model.state_dict().items()}
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    write_atomically(file, lambda temporary: save_file(tensors, temporary, texts or None))
