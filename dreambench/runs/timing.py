"""How long a run will take: from the timings of earlier runs, or of a short probe."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from dreambench.errors import DreambenchError
from dreambench.executors.task import hung_after
from dreambench.paths import data_folder, read_yaml
from dreambench.runs.chosen_data import chosen_prompts, read_data
from dreambench.runs.unrelated_prompts import unrelated_prompts
from dreambench.spec.frozen import Frozen
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder, RunRecord
from dreambench.store.opening import readable_runs, runs_below

if TYPE_CHECKING:
    from dreambench.dataset import Subject
    from dreambench.progress import ProgressListener
    from dreambench.runs.prepare import Prepared

#: Hyperparameters that do not change what one step costs.
_FREE = {
    "steps",
    "class_images",
    "class_sampler",
    "learning_rate",
    "warmup_steps",
    "prior_preservation_weight",
}
_PROBE_STEPS, _PROBE_CLASS_IMAGES = 8, 4


@dataclass(frozen=True)
class Rates:
    """Seconds per training step, per drawn image, and per subject for everything else.

    ``device`` is what they were measured on, ``source`` how: an earlier run, or a probe.
    """

    step: float
    image: float
    other: float
    device: str
    source: str


def earlier_rates(
    spec: RunSpec, fingerprint: str | None, results: Path = Path("results"), device: str | None = None
) -> Rates | None:
    """Return the median rates of the latest run below ``results`` similar to ``spec``; None if there is none.

    Runs are similar if a step and an image cost the same: base model, method, batch sizes, image size and
    sampler are equal, and, where one is given, the ``device`` in their logs.
    """
    wanted = _setting(spec, fingerprint)
    runs = readable_runs(runs_below(results))
    for run in sorted(runs, key=lambda run: (run.record.updated, str(run.path)), reverse=True):
        record = run.record
        if device is not None and record.machine.get("device") != device:
            continue
        if _setting(record.spec, record.spec.base.fingerprint) == wanted:
            notes = [note for subject in record.subjects if (note := run.subject_note(subject))]
            rates = _medians(notes, record)
            if rates is not None:
                return rates
    return None


class PublishedSpeed(Frozen):
    """A card's measured seconds per training step and per sampler step with guidance, and their source."""

    card: str
    base: str
    image_size: int
    method: str
    seconds_per_step: float
    seconds_per_sampler_step: float
    source: str

    def fits(self, spec: RunSpec) -> bool:
        """Whether a run's steps cost the same: base model, image size, method, one photo per step."""
        named = fnmatchcase(PurePath(spec.base.model).name.lower(), self.base)
        alone = getattr(spec.method, "batch_size", None) == 1
        return named and alone and (spec.image_size, spec.method.name) == (self.image_size, self.method)


def published_rates(spec: RunSpec) -> Rates | None:
    """Return the published rates of a run like ``spec`` on a known card (``data/cards.yaml``), or None.

    They do not include loading, writing and scoring.
    """
    for row in read_yaml(data_folder() / "cards.yaml"):
        speed = PublishedSpeed.model_validate(row)
        if speed.fits(spec):
            image = speed.seconds_per_sampler_step * spec.sampler.steps
            return Rates(speed.seconds_per_step, image, 0.0, speed.card, speed.source)
    return None


def _setting(spec: RunSpec, fingerprint: str | None) -> dict[str, Any]:
    method = {k: v for k, v in spec.method.model_dump(mode="json").items() if k not in _FREE}
    runtime = spec.runtime.model_dump(
        include={"generation_batch_size", "precision", "gradient_checkpointing", "quantize"}
    )
    return {
        "base": fingerprint or spec.base.model,
        "method": method,
        "size": spec.image_size,
        "sampler": spec.sampler.model_dump(mode="json"),
        **runtime,
    }


def _medians(notes: list[dict[str, Any]], record: RunRecord) -> Rates | None:
    trains = record.spec.method.trains()
    own = [n for n in notes if "from" not in n]  # what was reused took no time, and was timed elsewhere
    timed = [n for n in own if n.get("seconds_per_image") and (n.get("seconds_per_step") or not trains)]
    if not timed:
        return None
    step = statistics.median(n["seconds_per_step"] for n in timed) if trains else 0.0
    image = statistics.median(n["seconds_per_image"] for n in timed)
    steps = record.spec.method.training_steps()
    other = statistics.median(
        max(0.0, n["seconds_now"] - steps * step - n["made_now"] * image) + n.get("seconds_scoring", 0.0)
        for n in timed
    )
    device = str(timed[-1].get("machine") or record.machine.get("device", "an unknown device"))
    return Rates(step, image, other, device, f"{len(timed)} subject{'s' * (len(timed) > 1)} of {record.name}")


def probe(spec: RunSpec, watch: ProgressListener) -> Rates:
    """Train the first subject for a few steps and draw a batch of images, in a temporary folder.

    Raises DreambenchError if the run itself would.
    """
    from dreambench.models.device import resolve_runtime
    from dreambench.runs.prepare import prepare, start_record
    from dreambench.runs.subject import make_subject

    first = read_data(spec).select(spec.subjects)[0]
    batch = resolve_runtime(spec.runtime).generation_batch()
    prompts = min(-(-batch // spec.images_per_prompt), len(first.prompts))
    fields = type(spec.method).model_fields
    small = {"steps": _PROBE_STEPS, "class_images": _PROBE_CLASS_IMAGES}
    method = {k: v for k, v in small.items() if k in fields}
    prepared = prepare(spec.evolve(subjects=(first.name,), prompts=f"0-{prompts - 1}", method=method))
    with tempfile.TemporaryDirectory() as scratch:
        record = start_record(prepared, "probe", [])
        run = RunFolder(Path(scratch) / "run", record)
        make_subject(prepared, prepared.subjects[0], run, watch, cache=Path(scratch) / "cache")
        note = run.subject_note(first.name) or {}
    rates = _medians([note], record)
    if rates is None:
        raise DreambenchError("the probe measured nothing", "use a method with 2 steps or more")
    class_images = _PROBE_CLASS_IMAGES if spec.method.class_image_needs() else 0
    other = max(0.0, rates.other - class_images * rates.image)
    return Rates(rates.step, rates.image, other, rates.device, f"a probe of {_PROBE_STEPS} steps")


class Estimate(BaseModel):
    """Times in seconds. ``gpu_hours`` counts a worker's share of a GPU while it works; 0 without GPUs.

    ``subject_seconds`` and ``class_set_seconds`` are for one task each; ``measured`` says where they come
    from. Starting the workers and loading their models is not included.
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
        """Return the seconds after which a task counts as hung."""
        return hung_after(max(self.subject_seconds, self.class_set_seconds))


def estimate(
    spec: RunSpec, rates: Rates, images: int, sets: Mapping[str, int], workers: int, gpus_per_unit: float
) -> Estimate:
    """Estimate a run of one task per subject.

    ``images`` is the number of images per subject; ``sets`` counts the subjects that wait for each missing
    set of class images, with "" for those that wait for none. The wall time is the work divided by the
    active workers, plus one task of each kind that the last workers may wait for.
    """
    subject = spec.method.training_steps() * rates.step + images * rates.image + rates.other
    class_set, needs = 0.0, spec.method.class_image_needs()
    if any(sets) and needs is not None:
        sampler, count = needs
        class_set = count * rates.image * sampler.steps / spec.sampler.steps
    subjects, made = sum(sets.values()), sum(1 for noun in sets if noun)
    work = subjects * subject + made * class_set
    busy = max(1, min(workers, subjects))
    waits = subject + class_set if busy > 1 else 0.0
    return Estimate(
        workers=workers,
        seconds_per_step=rates.step,
        seconds_per_image=rates.image,
        subject_seconds=subject,
        class_set_seconds=class_set,
        wall_seconds=min(work, work / busy + waits),
        worker_hours=work / 3600,
        gpu_hours=work / 3600 * gpus_per_unit,
        measured=f"{rates.source} on {rates.device}",
    )


def images_of(spec: RunSpec, subject: Subject) -> int:
    """Return how many images a run draws of a subject, those for PRES and drift included."""
    priors, drift = spec.protocol.prior_images_needed(), 2 * len(unrelated_prompts(spec, subject))
    return len(chosen_prompts(spec, subject)) * spec.images_per_prompt + priors + drift


def measured_limit(prepared: Sequence[Prepared]) -> float | None:
    """Return a time limit for the tasks of runs that were timed on this device; None if a run was not."""
    limits = []
    for each in prepared:
        rates = earlier_rates(each.spec, each.base.fingerprint, device=each.runtime.describe())
        if rates is None:
            return None
        images = max(images_of(each.spec, subject) for subject in each.subjects)
        sets = {"class images" if each.spec.method.class_image_needs() else "": 1}
        limits.append(estimate(each.spec, rates, images, sets, 1, 0).time_limit())
    return max(limits, default=None)
