"""Where and how tasks run, as the options of the command line and of the library say it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dreambench.errors import DreambenchError


def units_on(gpus: float, share: float) -> int:
    """Return how many units with a share of a GPU, or several GPUs each, fit on so many GPUs.

    A unit's share is of one GPU: three units of 0.3 fit on each.

    Example:
        >>> units_on(8, 0.3), units_on(8, 1), units_on(8, 3)
        (24, 8, 2)
    """
    return int(gpus) * math.floor(1 / share) if share < 1 else int(gpus // share)


@dataclass(frozen=True)
class ExecutorOptions:
    """Where tasks run: ``executor`` is "local" (this process) or "ray". The other fields are for Ray.

    ``ray_address`` is a cluster's (None: a Ray on this machine alone). ``workers`` is how many tasks run at
    once (None: as many as fit). ``gpus_per_unit`` is a task's share of a GPU, possibly a fraction.
    ``unit_timeout`` is a task's time limit in seconds (None: derived from measured tasks). With ``send_back``
    files are sent back even where workers see the run's folder. Raises DreambenchError where the options
    contradict each other.
    """

    executor: str = "local"
    ray_address: str | None = None
    workers: int | None = None
    gpus_per_unit: float | None = None
    unit_timeout: float | None = None
    send_back: bool = False
    attempts: int = 3

    def __post_init__(self) -> None:
        if self.executor not in ("local", "ray"):
            raise DreambenchError(f"--executor {self.executor} is unknown", "give local or ray")
        given = {
            "--ray-address": self.ray_address,
            "--workers": self.workers,
            "--gpus-per-unit": self.gpus_per_unit,
            "--unit-timeout": self.unit_timeout,
            "--send-back": self.send_back or None,
        }
        stray = [name for name, value in given.items() if value is not None]
        if self.executor == "local" and stray:
            raise DreambenchError(f"{stray[0]} is for --executor ray", "give both, or neither")

    @property
    def gpu_share(self) -> float:
        """A task's share of a GPU's memory: at most 1."""
        return min(1.0, self.gpus_per_unit or 1.0)

    @property
    def elsewhere(self) -> bool:
        """Whether other machines may do the work, so that it does not matter what this one lacks."""
        return self.ray_address is not None

    @property
    def on_ray(self) -> bool:
        """Whether tasks run on Ray."""
        return self.executor == "ray"
