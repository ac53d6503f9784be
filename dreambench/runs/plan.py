"""What a run will do, and what is missing, computed from the spec without doing anything."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.dataset import Dataset, Subject, official_subjects
from dreambench.errors import DreambenchError, NotHereError
from dreambench.executors import ExecutorOptions
from dreambench.executors.executor_options import units_on
from dreambench.models.weights import missing_weights
from dreambench.paths import cache_folder, located
from dreambench.progress import reporting
from dreambench.runs.chosen_data import chosen_prompts, complete_data, read_data
from dreambench.runs.class_images import needed_class_images
from dreambench.runs.fit import check_fit
from dreambench.runs.memory import Shapes, TrainingMemory, shapes_of, training_memory
from dreambench.runs.planned import Plan
from dreambench.runs.several_protocols import refuse_pairs_in_a_run
from dreambench.runs.timing import Estimate, Rates, earlier_rates, estimate, images_of, published_rates
from dreambench.runs.timing import probe as probe_rates
from dreambench.runs.unrelated_prompts import refuse_drift_of_shown_photos, unrelated_prompts
from dreambench.spec.registries import METHODS
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from dreambench.models.base_model import BaseModel as OpenedBase
    from dreambench.models.families.family import Family
    from dreambench.store.class_image_set import ClassImageSet

_PNG_SHARE = 0.6
_EMBEDDING_BYTES = 4 * (512 + 384)


def _count_gpus() -> int:
    # Most of a plan's time would be the import of torch; without a GPU's driver there is nothing to count.
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA's, AMD's, Windows' in its Linux
    if sys.platform == "darwin" or (sys.platform == "linux" and not any(map(os.path.exists, drivers))):
        return 0
    import torch

    return torch.cuda.device_count()


def make_plan(
    spec: RunSpec,
    keep_checkpoints: bool = False,
    options: ExecutorOptions | None = None,
    probe: bool = False,
) -> Plan:
    """Return what a run will do. Missing files are listed, not raised; a wrong field still raises.

    With ``options``, the plan also says how long it will take on this machine, by a ``probe``, by earlier
    runs, or by published rates; without any of these, it does not.
    """
    refuse_pairs_in_a_run(spec.protocol)
    refuse_drift_of_shown_photos(spec)
    missing: list[str] = []
    spec, subjects = _with_subjects(spec, missing)
    base = _base(spec, missing)
    fingerprint = base.fingerprint if base else None
    missing += missing_weights(spec.protocol)
    needed = [needed_class_images(cache_folder(), spec, s, fingerprint or "") for s in subjects]
    times = None
    if options is not None and subjects:
        times = _estimate(spec, subjects, needed, _rates(spec, fingerprint, probe), options)
    prompts = [len(chosen_prompts(spec, s)) for s in subjects]
    images = sum(prompts) * spec.images_per_prompt
    priors = len(subjects) * spec.protocol.prior_images_needed()
    drift = 2 * sum(len(unrelated_prompts(spec, s)) for s in subjects)
    sets = {each.folder: each for each in needed if each}.values()
    wanted = sum(each.count for each in sets)
    image_bytes = int(3 * spec.image_size**2 * _PNG_SHARE)
    kept = len(subjects) if keep_checkpoints else min(1, len(subjects))
    uses_shapes = spec.method.trains() or spec.method.shows_photos()
    shapes = _shapes(spec, base, missing) if uses_shapes else None
    saved = _saved_bytes(spec, shapes)
    return Plan(
        preset=spec.preset,
        method=spec.method.name,
        base=spec.base.model,
        subjects=len(subjects),
        prompts=max(prompts, default=0),
        images=images,
        prior_images=priors,
        drift_images=drift,
        training_steps=spec.method.training_steps() * len(subjects),
        class_image_sets=len(sets),
        class_images=wanted,
        class_images_present=sum(path.exists() for each in sets for path in each.images),
        disk_images=(images + priors + drift) * (image_bytes + _EMBEDDING_BYTES),
        disk_class_images=wanted * image_bytes,
        disk_peak=None if saved is None else saved * kept,
        memory=_training_memory(spec, shapes),
        missing=missing,
        estimate=times,
    )


def _with_subjects(spec: RunSpec, missing: list[str]) -> tuple[RunSpec, tuple[Subject, ...]]:
    """Return the spec with what its dataset fills in, and its subjects.

    The names and prompts of the official subjects are known without their photos.
    """
    try:
        dataset = read_data(spec)
    except DreambenchError as error:
        missing.append(str(error))
        known = tuple(Subject(s.name, s.class_noun, s.category, ()) for s in official_subjects())
        official = Dataset("dreambooth", "", "", Path(), known)
        return spec, official.select(spec.subjects) if spec.data.folder is None else ()
    spec = complete_data(spec, dataset)
    return spec, dataset.select(spec.subjects)


def _rates(spec: RunSpec, fingerprint: str | None, probe: bool) -> Rates | None:
    if not probe:
        return earlier_rates(spec, fingerprint) or published_rates(spec)
    with reporting(None) as shown:
        return probe_rates(spec, shown)


def _estimate(
    spec: RunSpec,
    subjects: tuple[Subject, ...],
    needed: Sequence[ClassImageSet | None],
    rates: Rates | None,
    options: ExecutorOptions,
) -> Estimate | None:
    if rates is None:
        return None
    gpus = _count_gpus()
    share = options.gpus_per_unit if options.gpus_per_unit is not None else (1.0 if gpus else 0.0)
    fitting = max(1, units_on(gpus, share)) if share and options.on_ray else 1
    sets = Counter("" if each is None or each.is_complete() else each.folder.name for each in needed)
    images = max(images_of(spec, subject) for subject in subjects)
    return estimate(spec, rates, images, sets, options.workers or fitting, share)


def _base(spec: RunSpec, missing: list[str]) -> OpenedBase | None:
    from dreambench.models.base_model import is_hub_id, open_base
    from dreambench.models.hub import cached_snapshot

    snapshot = None
    if not located(spec.base.model).is_dir() and is_hub_id(spec.base.model):
        snapshot = cached_snapshot(spec.base.model, spec.base.revision)
        if snapshot is None:
            missing.append(f"base model {spec.base.model}: will be downloaded, or give --base FOLDER")
            return None
    try:
        base = open_base(spec.base, snapshot)
    except DreambenchError as error:
        missing.append(str(error))
        return None
    try:
        check_fit(spec, base, METHODS.get(spec.method.name)())
    except NotHereError:
        pass  # the run may be meant for another machine
    except DreambenchError as error:
        missing.append(str(error))
    return base


def _shapes(spec: RunSpec, base: OpenedBase | None, missing: list[str]) -> tuple[Family, Shapes] | None:
    """Return a model's family and shapes from its headers, local or on the hub. None if neither exists."""
    from dreambench.models.base_model import is_hub_id
    from dreambench.models.families.family import family_of
    from dreambench.models.hub import remote_shapes

    if base is not None:
        return base.family, shapes_of(base.folder, base.family)
    remote = remote_shapes(spec.base) if is_hub_id(spec.base.model) else None
    if remote is None:
        return None
    try:
        family = family_of(remote[0], spec.base.model)
    except DreambenchError as error:
        missing.append(str(error))
        return None
    return family, {name: shape for name, shape in remote[1].items() if name in family.weighted}


def _saved_bytes(spec: RunSpec, found: tuple[Family, Shapes] | None) -> int | None:
    """Return the bytes of a subject's weights: what was trained, in float32. None if that is not known."""
    if not spec.method.trains():
        return 0
    if found is None or not set(spec.method.trained_components(found[0])) <= found[1].keys():
        return None
    return 4 * spec.method.trained_parameters(found[1], found[0])


def _training_memory(spec: RunSpec, found: tuple[Family, Shapes] | None) -> TrainingMemory | None:
    """Return the memory of training, where the model's shapes are known.

    A reference method only draws; with separate weights for the photo (IP-Adapter), it is not known.
    """
    if found is None:
        return None
    family, shapes = found
    unknown = not spec.method.trains() and family.references == "ip-adapter"
    if unknown or not set(family.weighted) <= shapes.keys():
        return None
    half = spec.runtime.precision != "fp32"  # as on a GPU, where memory matters
    return training_memory(spec, shapes, family, half)
