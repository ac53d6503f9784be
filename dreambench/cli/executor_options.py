"""The options that say where a run is worked, and the executor that they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from pathlib import Path

    from dreambench.executors import Outcome
    from dreambench.executors.ray.executor import RayExecutor
    from dreambench.runs.prepare import Prepared

Name = Annotated[
    str, typer.Option("--executor", help="local: in this process. ray: on many GPUs, cores or machines.")
]
RayAddress = Annotated[
    str | None, typer.Option("--ray-address", help="A Ray cluster. [default: this machine alone]")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Units at once. [default: one per GPU, or per core]")
]
GpusPerUnit = Annotated[
    float | None, typer.Option("--gpus-per-unit", min=0, help="A unit's share of a GPU, such as 0.5.")
]
UnitTimeout = Annotated[
    float | None,
    typer.Option("--unit-timeout", min=1, help="Seconds for a unit. [default: from measured ones]"),
]
SendBack = Annotated[
    bool, typer.Option("--send-back", help="Send files back though workers see the run's folder.")
]


@dataclass(frozen=True)
class ExecutorOptions:
    """The options of where a run is worked, as they were given."""

    executor: str = "local"
    ray_address: str | None = None
    workers: int | None = None
    gpus_per_unit: float | None = None
    unit_timeout: float | None = None
    send_back: bool = False

    def on_ray(self) -> bool:
        """Whether it is worked on Ray. Raises DreambenchError where the options contradict each other."""
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
        return self.executor == "ray"


@contextmanager
def ray_executor(where: ExecutorOptions) -> Iterator[RayExecutor]:
    """Lend a Ray executor, and stop its workers afterwards, whatever happens."""
    from dreambench.executors.ray.cluster import RayOptions
    from dreambench.executors.ray.executor import RayExecutor

    options = RayOptions(
        address=where.ray_address,
        workers=where.workers,
        gpus_per_unit=where.gpus_per_unit,
        time_limit=where.unit_timeout,
        send_back=where.send_back,
    )
    executor = RayExecutor(options)
    try:
        yield executor
    finally:
        executor.close()


def measured_limit(prepared: list[Prepared]) -> float | None:
    """Return a time limit for the units of runs whose like has been measured; None where one has not."""
    from dreambench.runs.estimate import estimate
    from dreambench.runs.plan import images_of
    from dreambench.runs.timing import earlier_rates

    limits = []
    for each in prepared:
        rates = earlier_rates(each.spec, each.base.fingerprint)
        if rates is None:
            return None
        images = max(images_of(each.spec, subject) for subject in each.subjects)
        sets = {"class images": 1} if getattr(each.spec.method, "prior_preservation", False) else {"": 1}
        limits.append(estimate(each.spec, rates, images, sets, 1, 0).time_limit())
    return max(limits, default=None)


def failed_units(failed: list[Outcome], folders: list[Path]) -> DreambenchError:
    """Return the one line that ends a partial run, with the log of its first failed unit."""
    first = next((outcome for outcome in failed if outcome.attempts), failed[0])
    log = f"; its log: {first.unit.log}" if first.unit.log else ""
    units = "unit" if len(failed) == 1 else "units"
    return DreambenchError(
        f"{len(failed)} {units} failed, {', '.join(map(str, folders))} partial: {first.unit.name}, "
        f"{first.attempts} times: {first.error}{log}",
        "the same command tries them again",
    )
