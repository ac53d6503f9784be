"""``dreambench reproduce``: the paper's whole evaluation on any base model, from one command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreambench.cli import options
from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    from dreambench.prepare import Prepared
    from dreambench.progress import Reporter
    from dreambench.reproduction import PlannedRun


def reproduce(
    preset: options.Preset = None,
    subjects: options.Subjects = None,
    base: options.Base = None,
    data: options.Data = None,
    settings: options.Set = None,
    seeds: Annotated[str, typer.Option("--seeds", help="Seeds, such as 0,1.")] = "0,1",
    correlation: Annotated[
        Path | None, typer.Option("--correlation", help="What `dreambench correlate --json` printed.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The folder of all runs. [default: below results/]")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Where the page goes. [default: reproduction.md in --out]")
    ] = None,
) -> None:
    """Run the comparison, the ablations and what else the claims need; write one page with all tables."""
    from dreambench.cli.claims import read_correlation
    from dreambench.reproduction import planned_runs
    from dreambench.resolve import parse_subjects

    names = parse_subjects(subjects)
    chosen = None if names in (None, "all") else list(names or ())
    rating = read_correlation(correlation)

    def build(fields: Mapping[str, Any]) -> Any:
        return options.spec_from_options(
            preset=preset,
            base=base,
            data=data,
            settings=settings,
            subjects=None,
            prompts=None,
            metrics=None,
            defaults=fields,
        )

    planned = planned_runs(build, _parse_seeds(seeds), chosen)
    from dreambench.quiet import quiet_libraries

    quiet_libraries()
    from dreambench.prepare import prepare
    from dreambench.progress import reporter
    from dreambench.report.reproduction_page import reproduction_page
    from dreambench.store.files import write_text

    folder = out or Path("results") / f"{planned[0].spec.preset}-reproduction"
    with reporter() as shown:
        # All of them first: an error in the last run must not show after hours of the others.
        ready = [(run, prepare(run.spec)) for run in planned]
        for number, (run, prepared) in enumerate(ready, start=1):
            shown.say(f"{number} of {len(ready)}: {run.group}, {run.variant}, seed {run.seed}")
            _run(run, prepared, ready, folder, shown)
    text = reproduction_page(planned, folder, rating, correlation, _command(preset, subjects, base, settings))
    written = page or folder / "reproduction.md"
    write_text(written, text)
    typer.echo(str(written))


def _run(
    run: PlannedRun, prepared: Prepared, ready: list[tuple[PlannedRun, Prepared]], root: Path, shown: Reporter
) -> None:
    from dreambench.reuse import take_over_finished
    from dreambench.runner import run as run_prepared

    folder = run.folder(root)
    taken = take_over_finished(prepared, folder, [other.folder(root) for other, _ in ready])
    if taken:
        shown.say(f"{len(taken)} subjects taken over from finished runs")
    run_prepared(prepared, folder, shown)


def _parse_seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise DreambenchError(f"--seeds {text!r} is no list of numbers", "for example --seeds 0,1") from error
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise DreambenchError(f"--seeds {text!r} has a number twice or below 0", "for example --seeds 0,1")
    return seeds


def _command(
    preset: str | None, subjects: str | None, base: str | None, settings: list[str] | None
) -> list[str]:
    """Return the options that a reader needs to repeat this."""
    given = {"--preset": preset, "--subjects": subjects, "--base": base}
    words = [word for name, value in given.items() if value for word in (name, value)]
    return words + [word for setting in settings or [] for word in ("--set", setting)]
