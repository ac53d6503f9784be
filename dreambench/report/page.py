"""The report's HTML page: what it shows, gathered from the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dreambench.analysis import RunScores, Summary
from dreambench.analysis.embedding_similarities import similarities
from dreambench.analysis.failure_modes import failure_modes
from dreambench.analysis.paired import INTERVAL, run_differences
from dreambench.analysis.seed_mean import with_seeds_joined
from dreambench.literature.citation import BIBTEX, BIBTEX_FILE
from dreambench.literature.published import published
from dreambench.report import csv_tables, numbers
from dreambench.report.best_median_worst import telling_strips
from dreambench.report.comparison import RULE, compared_cells
from dreambench.report.failure_cards import bound_warnings, failure_cards
from dreambench.report.gallery_page import gallery_views
from dreambench.report.html import FROM_DISK, INSIDE, render
from dreambench.report.main_table import main_table, paper_apart, table_metrics
from dreambench.report.pictures import Album, with_nearest_photos
from dreambench.report.print_strips import KeepStrip, print_strips
from dreambench.report.protocol_table import named_signatures, protocol_figure, protocol_table
from dreambench.report.run_facts import notes_of, run_facts
from dreambench.report.score_figures import metrics_of_images, score_figures
from dreambench.report.subject_grids import PROMPT_MEANS, subject_grids
from dreambench.report.subject_table import subject_table
from dreambench.report.table import Table, TableCell, table
from dreambench.report.thumbnails import Thumbnail, problems
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature, of_pairs

LEVEL = 0.05  # of the tests, after the correction
SCRIPTS = ("explorer.js", "compare.js", "heat.js", "tables.js")
FILES = (
    *("table.md", "table.tex", "table.csv", "subjects.csv"),
    *(csv_tables.CSV, csv_tables.PARQUET, "report.json", BIBTEX_FILE),
)


def render_page(
    scored: Sequence[RunScores],
    summary: Summary,
    thumbnails: Mapping[Path, Thumbnail],
    keep: KeepStrip,
    out: Path,
    preferences: Table | None = None,
    embedded: Mapping[str, str] | None = None,
    reported: Sequence[Table] = (),
) -> str:
    """Return the page as HTML.

    ``keep`` stores the strips of images that the printed page shows. ``out`` is the page's folder;
    ``preferences`` is the table of a user study's votes, ``reported`` are tables of published results.
    A single-file page has its ``FILES`` ``embedded``, as name and ``data:`` address, and its thumbnails
    and strips are such addresses too.
    """
    near = [similarities(run) for run in scored]
    shown = [with_nearest_photos(run, found) for run, found in zip(scored, near, strict=True)]
    failures = [failure_modes(run, found) for run, found in zip(scored, near, strict=True)]
    album = Album(thumbnails, out)
    grids = subject_grids(shown, album)
    facts = [run_facts(run) for run in scored]
    sortable = metrics_of_images(scored)
    return render(
        "page.html.j2",
        INSIDE if embedded else FROM_DISK,
        SCRIPTS,
        summary=summary,
        unit="pair" if of_pairs(summary.signature) else "subject",
        preferences=preferences,
        results=main_table(summary),
        apart=paper_apart(summary),
        reported=reported,
        protocols=protocol_table(summary),
        protocol_figure=protocol_figure(summary),
        named=named_signatures(summary),
        metrics=table_metrics(summary),
        figures=score_figures(scored),
        compared=compared_cells(shown, album),
        rule=RULE,
        strips=telling_strips(shown, album),
        runs=facts,
        notes=notes_of(facts),
        subjects=subject_table(scored, grids),
        grids=grids,
        printed=print_strips(grids, [run.label for run in shown], out, keep),
        differences=_differences(scored),
        galleries=gallery_views(scored, album),
        failures=failure_cards(shown, failures, album),
        above=bound_warnings(scored),
        unreadable=problems(thumbnails),
        miniature=MINIATURE_NOTE if is_miniature(summary.signature) else "",
        source=published().source,
        prompt_means=PROMPT_MEANS,
        files=embedded or dict(zip(FILES, FILES, strict=True)),
        bibtex=BIBTEX,
        kinds=list(dict.fromkeys(kind for grid in grids for kind, _ in grid.groups)),
        sortable=sortable,
        image_titles={name: get_metric(name).title for name in sortable},
    )


def _differences(scored: Sequence[RunScores]) -> Table:
    head = ("Difference", "Metric", "Mean", "95% interval", "p", "p, Holm", "Higher in")
    note = (
        "Mean over the subjects that both runs have of the difference of their scores. In brackets "
        f"the 95% interval ({INTERVAL}); p is the two-sided sign-flip permutation test of that mean, and "
        "beside it after Holm's correction over all rows of this table, bold below 0.05."
    )
    if any(run.record.spec.protocol.averaging == "images" for run in scored):
        note += " A subject counts by its images, as this protocol's means do."
    if any(run.pairs for run in scored):
        note += " Pairs of subjects that share one have no p, and a wider interval."
    rows: list[list[str | TableCell]] = [
        [
            f"{found.second} {numbers.MINUS} {found.first}",
            numbers.title(found.metric),
            numbers.signed(found.mean),
            numbers.signed_interval(found.ci95) or numbers.ABSENT,
            numbers.p_value(found.p),
            TableCell(numbers.p_value(found.p_holm), style="bold" if (found.p_holm or 1) < LEVEL else ""),
            f"{found.above} of {numbers.plural(found.n, 'subject')}",
        ]
        for found in run_differences(with_seeds_joined(scored))
    ]
    return table("Paired differences", head, rows, note, words=2)
