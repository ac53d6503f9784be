"""The function behind ``dreambench run``: from a request to finished run folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from dreambench.errors import DreambenchError
from dreambench.executors import Executor, ExecutorOptions, Outcome
from dreambench.progress import ProgressListener, reporting
from dreambench.runs.asked import Asked, asked_protocols, asked_spec, by_protocol
from dreambench.spec.process import process_kept, quiet_libraries
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder
from dreambench.store.run_folder import LOG, report_page

if TYPE_CHECKING:
    from dreambench.runs.prepare import Prepared

_HERE = ExecutorOptions()


class UnfinishedRunsError(DreambenchError):
    """Some tasks failed: the runs in ``folders`` have scores for what was made."""

    def __init__(self, failed: Sequence[Outcome], folders: Sequence[RunFolder]) -> None:
        self.folders = list(folders)
        first = next((outcome for outcome in failed if outcome.attempts), failed[0])
        log = f"; its log: {first.queued.log}" if first.queued.log else ""
        units = "unit" if len(failed) == 1 else "units"
        paths = ", ".join(str(folder.path) for folder in folders)
        super().__init__(
            f"{len(failed)} {units} failed, {paths} partial: {first.queued.name}, "
            f"{first.attempts} times: {first.error}{log}",
            "repeat the same command to try them again",
        )


@process_kept()
def run(
    preset: str | Mapping[str, Any] | Sequence[str] | None = None,
    *,
    seed: int | Sequence[int] | None = None,
    checkpoints: Sequence[int] = (),
    out: str | Path | None = None,
    keep_checkpoints: bool = False,
    notes: Iterable[str] = (),
    executor: ExecutorOptions = _HERE,
    reporter: ProgressListener | None = None,
    show: Callable[[RunFolder], object] | None = None,
    **asked: Unpack[Asked],
) -> list[RunFolder]:
    """Personalize a model for each subject, draw the prompts and score the images; return the run folders.

    ``preset`` (None: the paper's setting with a GPU, else the miniature) and ``seed`` may be several: each
    pair is a run. ``checkpoints`` are steps: each is a run that stops there, with the weights that the full
    training has at that step. ``out`` is the one run's folder, or the parent of several (None: below
    results/). A folder that contains the same run is resumed. ``reporter`` (None: bars on stderr) receives
    the progress.
    ``show`` is called with the folder of a run in progress whenever its tables have been made.
    Raises DreambenchError, and UnfinishedRunsError if tasks failed on Ray. After KeyboardInterrupt, the same
    call resumes the runs.
    """
    if executor.on_ray:
        from dreambench.executors.ray.cluster import require_ray

        require_ray()
    presets: Sequence[Any] = preset if isinstance(preset, list | tuple) and preset else [preset]
    seeds: Sequence[Any] = seed if isinstance(seed, list | tuple) and seed else [seed if seed != [] else None]
    _refuse_twice({"--preset": presets, "--seed": seeds, "--checkpoints": checkpoints})
    pairs = list(product(presets, seeds))
    specs = [asked_spec(p, seed=s, **by_protocol(asked)) for p, s in pairs]
    protocols = _protocols(pairs[0][0], specs, asked)
    if checkpoints:
        specs = [stopped_at(spec, steps) for spec, steps in product(specs, checkpoints)]
    quiet_libraries()
    with reporting(reporter) as shown:
        runs = _folders(specs, Path(out) if out is not None else None, executor, shown)
        runs = [(replace(each, protocols=protocols), folder) for each, folder in runs]
        if not preset:
            shown.say(f"preset {specs[0].preset} (none was given)")
        for line in dict.fromkeys(line for each, _ in runs for line in notices_before(each)):
            shown.say(line)
        if show is not None and len(runs) == 1:
            shown.say(f"report: {report_page(runs[0][1])}, from the first subject on")
        return work(runs, executor, shown, keep_checkpoints, notes, show)


def _refuse_twice(given: Mapping[str, Sequence[Any]]) -> None:
    for option, values in given.items():
        if twice := [value for place, value in enumerate(values) if value in values[:place]]:
            raise DreambenchError(f"{option}: {twice[0]!r} is named twice", "name each of them once")


def _protocols(preset: Any, specs: Sequence[RunSpec], asked: Asked) -> dict[str, ProtocolSpec]:
    from dreambench.runs.several_protocols import (
        protocols_by_name,
        refuse_unknown_inputs,
        with_input_left_out,
    )
    from dreambench.runs.unrelated_prompts import refuse_other_prompts

    def spec_of(name: str) -> RunSpec:
        return asked_spec(preset, **by_protocol(asked, name))

    names = asked_protocols(asked)
    found = protocols_by_name(names, spec_of) if names else with_input_left_out(specs)
    for spec in specs:
        refuse_unknown_inputs(spec, found)
        refuse_other_prompts(spec, found)
    return found


def stopped_at(spec: RunSpec, steps: int) -> RunSpec:
    """Return the spec with this many training steps. Raises DreambenchError if it trains fewer."""
    own = spec.method.training_steps()
    if not 0 < steps <= own:
        raise DreambenchError(
            f"--checkpoints {steps}: {spec.method.name} trains {own} steps",
            "give steps of the training, such as --checkpoints 20,40,80",
        )
    return spec.evolve(method={"steps": steps})


def notices_before(prepared: Prepared) -> list[str]:
    """Return what to know before a run starts: the identifier, an unusual image size, blank metrics."""
    from dreambench.runs.blank_metrics import blank_in_run

    lines = []
    if prepared.spec.method.trains():
        lines.append(f"identifier: {prepared.identifier}")
    own, asked = prepared.base.native_size(), prepared.spec.image_size
    if own and own != asked:
        lines.append(f"image size is {asked} pixels, but the base model was made for {own}")
    protocols = prepared.protocols.values() or [prepared.spec.protocol]
    return lines + blank_in_run(protocols, prepared.spec.images_per_prompt)


def _folders(
    specs: Sequence[RunSpec], out: Path | None, options: ExecutorOptions, shown: ProgressListener
) -> list[tuple[Prepared, Path]]:
    """Prepare all runs and name their folders: ``out`` is the single run's, or the parent of several."""
    from dreambench.runs.prepare import default_run_name, prepare_all

    prepared = prepare_all(specs, options)
    steps = {each.spec.method.training_steps() for each in prepared}
    names = [
        default_run_name(each.spec) + (f"-step{each.spec.method.training_steps()}" if len(steps) > 1 else "")
        for each in prepared
    ]
    if same := [name for place, name in enumerate(names) if name in names[:place]]:
        raise DreambenchError(
            f"two of the runs draw the same images ({same[0]})",
            "name one of them, and several protocols with --protocol",
        )
    if len(names) == 1 and out is not None:
        return [(prepared[0], out)]
    runs = [(each, (out or Path("results")) / name) for name, each in zip(names, prepared, strict=True)]
    if len(runs) > 1:
        shown.say(f"{len(runs)} runs: {', '.join(str(folder) for _, folder in runs)}")
    return runs


def work(
    runs: Sequence[tuple[Prepared, Path]],
    options: ExecutorOptions,
    shown: ProgressListener,
    keep_checkpoints: bool = False,
    notes: Iterable[str] = (),
    show: Callable[[RunFolder], object] | None = None,
) -> list[RunFolder]:
    """Execute prepared runs: one after the other in this process, or as one queue on Ray.

    Raises UnfinishedRunsError if tasks failed on Ray.
    """
    from dreambench.runs.runner import Job, run_all
    from dreambench.runs.timing import measured_limit

    if not options.elsewhere:
        # Now, not after hours of training. A run that was begun may have embedded its images already.
        for prepared in [prepared for prepared, folder in runs if not (folder / LOG).exists()]:
            _fetch_weights(prepared)
    limit = options.unit_timeout or (measured_limit([p for p, _ in runs]) if options.on_ray else None)
    jobs = [Job(prepared, folder, keep_checkpoints, list(notes), limit) for prepared, folder in runs]
    folders: list[RunFolder] = []
    failed: list[Outcome] = []
    # Its workers are stopped afterwards, whatever happens.
    with closing(executor_of(options, [prepared for prepared, _ in runs])) as executor:
        for batch in [[job] for job in jobs] if executor.in_process else [jobs]:
            done, not_done = run_all(batch, executor, shown, show)
            folders, failed = folders + done, failed + not_done
    if failed:
        raise UnfinishedRunsError(failed, folders)
    return folders


def _fetch_weights(prepared: Prepared) -> None:
    from dreambench.models.weights import fetch_weights

    for protocol in prepared.protocols.values() or [prepared.spec.protocol]:
        single = protocol.images_of(prepared.spec.images_per_prompt) == 1  # no pair of images
        needed = [m for m in protocol.metrics if not (single and get_metric(m).compares == "pairs")]
        fetch_weights(protocol, needed)


def executor_of(options: ExecutorOptions, prepared: Sequence[Prepared]) -> Executor:
    """Return the requested executor of prepared runs."""
    from dreambench.runs.model_cache import ModelCache, worker_models

    if options.on_ray:
        from dreambench.executors.ray.executor import RayExecutor

        return RayExecutor(options, partial(worker_models, gpu_share=options.gpu_share))
    from dreambench.executors.local import LocalExecutor

    models = ModelCache()
    for each in prepared:
        models.add(each)
    return LocalExecutor(models)
