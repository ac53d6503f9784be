"""A stage of training: what it must say of itself, and the loop that all stages share."""

from __future__ import annotations

import copy
import csv
import json
import math
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from dreambench.errors import DreambenchError
from dreambench.mini.train.data import STREAMS, Pool, PoolSize
from dreambench.mini.train.muon import Optimizer
from dreambench.store.files import remove_leftovers, write_atomically

WARMUP = 100
#: The last share of a stage's steps, in which the learning rate falls to nothing.
DECAY = 0.2


@dataclass(frozen=True)
class Sitting:
    """One call: where work is kept, what may be started from, how long it may take.

    ``source`` is a folder that ``export`` wrote; ``minutes`` and ``stop`` (steps) end a stage's sitting
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
    global generator, which the loop seeds anew at each step.
    """

    name: ClassVar[str]
    steps: int = 10_000
    batch: int = 32
    ema: float = 0.999
    sample_every: int = 1000
    pool_size: PoolSize = PoolSize()
    model: nn.Module
    optimizer: Optimizer
    pool: Pool[Any]

    def __init__(self, sitting: Sitting) -> None:
        self.sitting, self.folder = sitting, sitting.work / self.name
        if sitting.toy:
            self.steps, self.batch, self.pool_size = 4, 8, PoolSize(16, 2, 2)
        self.steps = sitting.steps or self.steps
        torch.manual_seed(STREAMS[self.name] * 1_000_003 + sitting.seed)

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
        folder = self.sitting.work / "renderings" / self.name
        self.pool = Pool(folder, self.name, self.sitting.seed, self.batch, self.pool_size, prepare)

    def progress(self, step: int) -> float:
        """Return how far the stage is, in [0, 1]."""
        return min(1.0, step / self.steps)


def learning_rate(step: int, steps: int) -> float:
    """Return the learning rate's factor: a short warm-up, constant, and a linear decay at the end.

    It depends on the step alone, never on when a sitting ends.
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


class Loop:
    """Trains a stage until its steps are done or the sitting ends."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self.stage, self.sitting, self.console = stage, stage.sitting, console
        self.step, self.ended = 0, False
        self.file = checkpoint_file(self.sitting.work, stage.name)
        if not self.file.is_file() and self.sitting.source:
            stage.load_source(self.sitting.source)
        self.average = copy.deepcopy(stage.model).requires_grad_(False).eval()
        if self.file.is_file():
            self._load()

    def run(self) -> bool:
        """Train; return whether all steps are done. The checkpoint is written however it ends."""
        self.stage.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.stage.folder / ".lock", timeout=0):
                remove_leftovers(self.stage.folder)
                return self._run()
        except Timeout:
            raise DreambenchError(
                f"{self.stage.folder} is in use by another training", "wait for it, or give another --work"
            ) from None

    def _run(self) -> bool:
        stage, began, saved = self.stage, time.monotonic(), time.monotonic()
        start, rows = self.step, _Log(stage.folder / "losses.csv", self.step)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        details = (TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
        progress = Progress(*columns, *details, console=self.console, speed_estimate_period=120)
        with closing(stage.pool), progress as bar, self._interruptible():
            task = bar.add_task(stage.name, total=stage.steps, completed=self.step, note="rendering")
            self._fill(bar, task)
            trained = time.monotonic()
            while self.step < stage.steps and not self._over(began, start):
                figures = self._step()
                if figures:
                    rows.add(self.step, figures)
                    bar.update(task, note=_note(figures, self.step - start, trained, stage.batch))
                bar.update(task, completed=self.step)
                if time.monotonic() - saved > self.sitting.checkpoint_seconds:
                    self._save(rows)
                    saved = time.monotonic()
                if self.step % stage.sample_every == 0 or self.step == stage.steps:
                    self._sample(rows)
            self._save(rows)
        return self.step >= stage.steps

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C (or a polite kill) end the sitting after the step; the second is immediate."""

        def end(number: int, frame: object) -> None:
            self.ended = True
            for each in handlers:
                signal.signal(each, handlers[each])

        handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            for each in handlers:
                signal.signal(each, end)
            yield
        finally:
            for each, handler in handlers.items():
                signal.signal(each, handler)

    def _fill(self, bar: Progress, task: Any) -> None:
        def report(done: int, total: int) -> None:
            bar.update(task, note=f"rendering {done}/{total}")

        self.stage.pool.advance(self.step, report)

    def _over(self, began: float, start: int) -> bool:
        minutes, stop = self.sitting.minutes, self.sitting.stop
        late = self.ended or (minutes is not None and time.monotonic() - began > minutes * 60)
        return late or (stop is not None and self.step - start >= stop)

    def _step(self) -> dict[str, float]:
        stage, step = self.stage, self.step
        stage.pool.advance(step)
        torch.manual_seed((STREAMS[stage.name] * 1009 + self.sitting.seed) * 100_000_007 + step)
        stage.model.train()
        loss, figures = stage.loss(step)
        loss.backward()
        trained = [p for p in stage.model.parameters() if p.grad is not None]
        norm = nn.utils.clip_grad_norm_(trained, 1.0)
        if not math.isfinite(float(norm)):
            raise DreambenchError(
                f"{stage.name}: the gradient is not finite at step {step}", "repeat from the last checkpoint"
            )
        stage.optimizer.step(learning_rate(step, stage.steps))
        stage.optimizer.zero_grad()
        self._follow(step)
        self.step += 1
        return {"loss": float(loss), **figures} if self.step % 20 == 0 or self.sitting.toy else {}

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Let the average follow the weights: closely at first, slowly later."""
        share = 1 - min(self.stage.ema, (1 + step) / (10 + step))
        ours = list(self.average.parameters())
        torch._foreach_lerp_(ours, list(self.stage.model.parameters()), share)
        for own, other in zip(self.average.buffers(), self.stage.model.buffers(), strict=True):
            own.copy_(other)

    def _sample(self, rows: _Log) -> None:
        with torch.inference_mode():
            torch.manual_seed(0)
            figures = self.stage.sample(self.average, self.stage.folder / "samples" / f"{self.step:06d}.png")
        if figures:
            rows.add(self.step, figures)
            told = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
            self.console.print(f"{self.stage.name} {self.step}: {told}", highlight=False)

    def _save(self, rows: _Log) -> None:
        tensors = {f"model.{name}": t for name, t in self.stage.model.state_dict().items()}
        tensors |= {f"ema.{name}": t for name, t in self.average.state_dict().items()}
        tensors |= {f"optimizer.{name}": t for name, t in self.stage.optimizer.state().items()}
        whole = {name: t.detach().clone().contiguous() for name, t in tensors.items()}
        metadata = {"step": str(self.step), "seed": str(self.sitting.seed)}
        write_atomically(self.file, lambda temporary: save_file(whole, temporary, metadata))
        rows.flush()

    def _load(self) -> None:
        with safe_open(self.file, framework="pt") as opened:
            metadata = opened.metadata()
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if int(metadata["seed"]) != self.sitting.seed:
            raise DreambenchError(
                f"{self.file} was trained with seed {metadata['seed']}", "give that --seed, or another --work"
            )
        try:
            self.stage.model.load_state_dict(_part(tensors, "model."))
            self.average.load_state_dict(_part(tensors, "ema."))
            self.stage.optimizer.load(_part(tensors, "optimizer."))
        except (RuntimeError, KeyError) as error:
            raise DreambenchError(
                f"{self.file} belongs to a network of another shape", "give another --work"
            ) from error
        self.step = int(metadata["step"])


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _note(figures: Mapping[str, float], steps: int, began: float, batch: int) -> str:
    speed = steps * batch / max(1e-9, time.monotonic() - began)
    return "  ".join([*(f"{name} {value:.4f}" for name, value in figures.items()), f"{speed:.0f} images/s"])


class _Log:
    """Losses as CSV (step, name, value); rows after the checkpoint's step are dropped on resuming."""

    def __init__(self, file: Path, step: int) -> None:
        kept = []
        if file.is_file():
            with file.open(newline="", encoding="utf-8") as opened:
                kept = [row for row in list(csv.reader(opened))[1:] if len(row) == 3 and int(row[0]) <= step]
        file.parent.mkdir(parents=True, exist_ok=True)
        self.opened = file.open("w", newline="", encoding="utf-8")
        self.table = csv.writer(self.opened, lineterminator="\n")
        self.table.writerow(("step", "name", "value"))
        self.table.writerows(kept)

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Append one row per figure."""
        self.table.writerows((step, name, f"{value:.6g}") for name, value in figures.items())

    def flush(self) -> None:
        """Let readers see the rows."""
        self.opened.flush()


def save_weights(file: Path, model: nn.Module, **metadata: object) -> None:
    """Write a module's weights as float16 safetensors, with JSON metadata."""
    tensors = {n: t.detach().half().clone().contiguous() for n, t in model.state_dict().items()}
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    write_atomically(file, lambda temporary: save_file(tensors, temporary, texts or None))
