"""A plan to read: the size of a run, its memory and time, and what is missing."""

from __future__ import annotations

from typing import Any

import humanize
from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

from dreambench.runs.memory import TrainingMemory
from dreambench.runs.timing import Estimate

_UNKNOWN_TIME = "unknown: no similar run was timed here; --probe trains a few steps and draws a batch"


class Plan(BaseModel):
    """The size of a run. ``images`` are the scored ones; disk sizes are estimates in bytes.

    ``drift_images`` are of unrelated prompts, half of them by the base model, for each subject again.
    ``disk_peak`` counts the fine-tuned weights that lie on disk while a subject's images are made, or
    all of them where checkpoints are kept. ``missing`` lists, one line each, what has to be fetched first.
    """

    preset: str
    method: str
    base: str
    subjects: int
    prompts: int
    images: int
    prior_images: int
    drift_images: int = 0
    training_steps: int
    class_image_sets: int
    class_images: int
    class_images_present: int
    disk_images: int
    disk_class_images: int
    disk_peak: int | None
    memory: TrainingMemory | None = None
    missing: list[str]
    estimate: Estimate | None = None

    @model_serializer(mode="wrap")
    def _as_ever_without_drift(self, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in fields(self).items() if value or name != "drift_images"}

    def text(self) -> str:
        """Return the plan as text."""
        lines = [
            f"preset          {self.preset}: {self.method} on {self.base}",
            f"subjects        {self.subjects}",
            f"images          {self.images:,} to generate and score (up to {self.prompts} prompts a subject)",
            f"training        {self.training_steps:,} steps",
            f"class images    {self._class_images()}",
            f"disk            {self._disk()}",
        ]
        if self.prior_images:
            lines.insert(3, f"prior images    {self.prior_images:,} of `a [class noun]`, for PRES")
        if self.drift_images:
            half = self.drift_images // 2
            line = f"drift images    {half:,} of unrelated prompts, and as many by the base model"
            lines.insert(3, line)
        if self.memory is not None:
            lines += _memory(self.memory)
        if self.estimate is not None:
            lines += _times(self.estimate)
        elif self.subjects:
            lines.append(f"time            {_UNKNOWN_TIME}")
        lines += [f"missing         {line}" for line in self.missing] or ["missing         nothing"]
        return "\n".join(lines)

    def _class_images(self) -> str:
        if not self.class_images:
            return "none"
        sets = "1 set" if self.class_image_sets == 1 else f"{self.class_image_sets} sets"
        return f"{self.class_images:,} in {sets}, {self.class_images_present:,} of them there"

    def _disk(self) -> str:
        parts = {
            "the run": self.disk_images,
            "class images": self.disk_class_images,
            "weights": self.disk_peak,
        }
        known = [f"{_size(count)} for {what}" for what, count in parts.items() if count]
        return f"about {', '.join(known)}" + (", weights unknown" if self.disk_peak is None else "")


def _memory(held: TrainingMemory) -> list[str]:
    parts = {
        "weights": held.weights,
        "gradients": held.gradients,
        "optimizer": held.optimizer,
        "moving average": held.average,
        "casts": held.casts,
    }
    listed = ", ".join(f"{name} {_size(count)}" for name, count in parts.items() if count)
    if held.parked:
        listed += f"; text encoders {_size(held.parked)} until the texts are encoded"
    peak = f"{_size(held.total)} by arithmetic (peak: {held.peak})"
    fewer = "; runtime.gradient_checkpointing=true lowers them"
    return [
        f"memory          {peak}, without activations: {listed}",
        "activations     not counted: they come on top, and can be the larger part"
        + (fewer if held.trained_parameters else ""),
    ]


def _times(times: Estimate) -> list[str]:
    gpu = f", {times.gpu_hours:.3g} GPU hours" if times.gpu_hours else ""
    several = f" on {times.workers} workers, {times.worker_hours:.3g} hours of work{gpu}"
    return [
        f"time            about {_duration(times.wall_seconds)}{several if times.workers > 1 else gpu}",
        f"a subject       {_duration(times.subject_seconds)}: {times.seconds_per_step:.3g} s a step, "
        f"{times.seconds_per_image:.3g} s an image",
        f"basis           {times.measured}",
    ]


def _size(count: int) -> str:
    return humanize.naturalsize(count, format="%.3g")


def _duration(seconds: float) -> str:
    return humanize.precisedelta(
        seconds, minimum_unit="minutes" if seconds >= 120 else "seconds", format="%.0f"
    )
