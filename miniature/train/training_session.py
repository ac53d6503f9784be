"""The loop that all stages share: checkpoints, progress, losses, samples."""

from __future__ import annotations

import copy
import csv
import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from dreambench.errors import DreambenchError
from dreambench.store.files import remove_leftovers, write_atomically
from miniature.train.data import STREAMS
from miniature.train.stage import Stage, checkpoint_file, learning_rate


class Loop:
    """Trains a stage until its steps are done or the session ends."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self.stage, self.session, self.console = stage, stage.session, console
        self.step, self.ended = 0, False
        self.file = checkpoint_file(self.session.work, stage.name)
        if not self.file.is_file() and self.session.source:
            stage.load_source(self.session.source)
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
                if time.monotonic() - saved > self.session.checkpoint_seconds:
                    self._save(rows)
                    saved = time.monotonic()
                if self.step % stage.sample_every == 0 or self.step == stage.steps:
                    self._sample(rows)
            self._save(rows)
        return self.step >= stage.steps

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C (or a polite kill) end the session after the step; the second is immediate."""

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
        minutes, stop = self.session.minutes, self.session.stop
        late = self.ended or (minutes is not None and time.monotonic() - began > minutes * 60)
        return late or (stop is not None and self.step - start >= stop)

    def _step(self) -> dict[str, float]:
        stage, step = self.stage, self.step
        stage.pool.advance(step)
        torch.manual_seed((STREAMS[stage.name] * 1009 + self.session.seed) * 100_000_007 + step)
        stage.model.train()
        with sdpa_kernel(SDPBackend.MATH):  # on a CPU the backward pass of fused attention is slower
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
        return {"loss": float(loss.detach()), **figures} if self.step % 20 == 0 or self.session.toy else {}

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Let the average follow the weights: closely at first, slowly later."""
        share = 1 - min(self.stage.ema, (1 + step) / (10 + step))
        ours: list[Tensor] = list(self.average.parameters())
        theirs: list[Tensor] = list(self.stage.model.parameters())
        torch._foreach_lerp_(ours, theirs, share)
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
        metadata = {"step": str(self.step), "seed": str(self.session.seed)}
        write_atomically(self.file, lambda temporary: save_file(whole, temporary, metadata))
        rows.flush()

    def _load(self) -> None:
        with safe_open(self.file, framework="pt") as opened:
            metadata = opened.metadata()
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        if int(metadata["seed"]) != self.session.seed:
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
