"""How long a run will take on how many workers, from what its pieces took."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from dreambench.runs.timing import Rates
from dreambench.spec.run_spec import RunSpec

_SLACK, _AT_LEAST = 5.0, 600.0


class Estimate(BaseModel):
    """Times in seconds. ``gpu_hours`` counts a worker's share of a GPU while it is at work; 0 without GPUs.

    ``subject_seconds`` and ``class_set_seconds`` are of one unit each; ``measured`` says where they come
    from. Starting the workers and loading their models is not counted.
    """

    workers: int
    seconds_per_step: float
    seconds_per_image: float
    subject_seconds: float
    class_set_seconds: float
    wall_seconds: float
    worker_hours: float
    gpu_hours: float
    measured: str

    def time_limit(self) -> float:
        """Return after how many seconds a unit is taken for hung: several times what it should take."""
        return _SLACK * max(self.subject_seconds, self.class_set_seconds) + _AT_LEAST


def estimate(
    spec: RunSpec, rates: Rates, images: int, sets: Mapping[str, int], workers: int, gpus_per_unit: float
) -> Estimate:
    """Estimate a run of one unit per subject.

    ``images`` is the number of images per subject; ``sets`` counts the subjects that wait for each set of
    class images that is still to be made, with "" for those that wait for none.
    """
    steps = getattr(spec.method, "steps", 0) if spec.method.trains() else 0
    subject = steps * rates.step + images * rates.image + rates.other
    class_set = 0.0
    if any(sets):
        sampler, count = spec.method.class_sampler, spec.method.class_images  # type: ignore[attr-defined]
        class_set = count * rates.image * sampler.steps / spec.sampler.steps
    work = sum(sets.values()) * subject + sum(1 for noun in sets if noun) * class_set
    return Estimate(
        workers=workers,
        seconds_per_step=rates.step,
        seconds_per_image=rates.image,
        subject_seconds=subject,
        class_set_seconds=class_set,
        wall_seconds=wall_time(list(sets.items()), subject, class_set, workers),
        worker_hours=work / 3600,
        gpu_hours=work / 3600 * gpus_per_unit,
        measured=f"{rates.source} on {rates.device}",
    )


def wall_time(sets: Sequence[tuple[str, int]], subject: float, class_set: float, workers: int) -> float:
    """Return when the last unit ends, in seconds, if every free worker takes the first unit that may start.

    ``sets`` are nouns ("" for none) with their numbers of subjects, in the queue's order.
    """
    # One entry per unit: its noun, and whether it is the set itself.
    queue = [unit for noun, n in sets for unit in ([(noun, True)] if noun else []) + [(noun, False)] * n]
    ready = {"": 0.0}
    free = [0.0] * workers
    end = 0.0
    while queue:
        now = heapq.heappop(free)
        chosen = next((u for u in queue if u[1] or ready.get(u[0], float("inf")) <= now), None)
        if chosen is None:  # it waits for the next set to be finished
            later = min(time for noun, time in ready.items() if time > now)
            heapq.heappush(free, later)
            continue
        queue.remove(chosen)
        done = now + (class_set if chosen[1] else subject)
        if chosen[1]:
            ready[chosen[0]] = done
        heapq.heappush(free, done)
        end = max(end, done)
    return end


def duration(seconds: float) -> str:
    """Return a time for a person: ``40 s``, ``12 min``, ``3.5 h`` or ``12 days``."""
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 86400:.3g} days"
