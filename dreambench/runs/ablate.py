"""The function behind ``dreambench ablate``: the variants of an ablation as runs, and their comparison."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from dreambench.executors import ExecutorOptions
from dreambench.literature.ablations import ablation
from dreambench.progress import ProgressListener, reporting
from dreambench.runs.asked import Asked, asked_spec
from dreambench.runs.run import work
from dreambench.spec.process import process_kept, quiet_libraries

if TYPE_CHECKING:
    from dreambench.analysis.ablation_summary import AblationSummary


@process_kept()
def ablate(
    name: str,
    preset: str | None = None,
    *,
    seed: int | None = None,
    out: str | Path | None = None,
    executor: ExecutorOptions | None = None,
    reporter: ProgressListener | None = None,
    **asked: Unpack[Asked],
) -> tuple[AblationSummary, Path]:
    """Run an ablation of the paper, variant by variant; return its summary and its folder.

    The options are those of ``run``. Raises DreambenchError.
    """
    options = executor or ExecutorOptions()
    chosen = ablation(name)
    specs = {v: asked_spec(preset, seed=seed, defaults=chosen.fields(v), **asked) for v in chosen.variants}
    quiet_libraries()
    from dreambench.analysis.ablation_summary import summarize_ablation
    from dreambench.analysis.run_scores import read_run_scores
    from dreambench.runs.prepare import prepare_all
    from dreambench.runs.reuse import reuse_finished_subjects
    from dreambench.store.opening import open_run, runs_below

    with reporting(reporter) as shown:
        # Prepare all of them first: an error in the last variant must not appear after hours of the others.
        prepared = dict(zip(specs, prepare_all(list(specs.values()), options), strict=True))
        spec = prepared[chosen.reference].spec
        folder = Path(out or f"results/{spec.preset}-ablation-{name}-{spec.images_key[:8]}")
        # On Ray all variants are one queue; here each reuses what the one before it has finished.
        for batch in [list(specs)] if options.on_ray else [[variant] for variant in specs]:
            for variant in batch:
                others = runs_below(folder.resolve().parent)
                taken = reuse_finished_subjects(prepared[variant], folder / variant, others)
                shown.say(f"{name}: {variant}" + (f" ({len(taken)} subjects reused)" if taken else ""))
            work([(prepared[variant], folder / variant) for variant in batch], options, shown)
    scored = {variant: read_run_scores([open_run(folder / variant)])[0] for variant in specs}
    return summarize_ablation(chosen, scored), folder
