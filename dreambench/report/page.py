"""The HTML page: one file with its style inside, which loads nothing over the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dreambench.analysis import RunScores, Summary
from dreambench.analysis.embedding_similarities import similarities
from dreambench.analysis.failure_modes import failure_modes
from dreambench.analysis.paired import INTERVAL, run_differences
from dreambench.analysis.run_scores import shown_metrics
from dreambench.analysis.seed_mean import with_seeds_joined
from dreambench.literature.citation import BIBTEX, BIBTEX_FILE
from dreambench.literature.published import published
from dreambench.report import csv_tables, numbers
from dreambench.report.best_median_worst import telling_strips
from dreambench.report.comparison import RULE, compared_cells
from dreambench.report.failure_cards import bound_warnings, failure_cards
from dreambench.report.gallery_views import GalleryView, gallery_views
from dreambench.report.main_table import main_table, paper_apart, table_metrics
from dreambench.report.pictures import with_nearest_photos
from dreambench.report.print_strips import KeepStrip, print_strips
from dreambench.report.protocol_table import named_signatures, protocol_figure, protocol_table
from dreambench.report.run_facts import notes_of, run_facts
from dreambench.report.score_figures import score_figures
from dreambench.report.subject_grids import PROMPT_MEANS, subject_grids
from dreambench.report.subject_table import subject_table
from dreambench.report.table import Table, TableCell, TableRow, table
from dreambench.report.thumbnails import Thumbnail, problems
from dreambench.spec.metric import SCORE_TABLES
from dreambench.spec.registries import METRICS, get_metric
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature

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
    and strips are such addresses too. Every name, prompt and note is escaped: whatever a user's dataset
    contains is shown, never interpreted.
    """
    near = [similarities(run) for run in scored]
    shown = [with_nearest_photos(run, found) for run, found in zip(scored, near, strict=True)]
    failures = [failure_modes(run, found) for run, found in zip(scored, near, strict=True)]
    grids = subject_grids(shown, thumbnails, out)
    script = Markup("").join(map(_own_file, SCRIPTS))
    facts = [run_facts(run) for run in scored]
    sortable = [m for m in shown_metrics(scored) if get_metric(m).compares in SCORE_TABLES["images"]]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            summary=summary,
            preferences=preferences,
            results=main_table(summary),
            apart=paper_apart(summary),
            reported=reported,
            protocols=protocol_table(summary),
            protocol_figure=protocol_figure(summary),
            named=named_signatures(summary),
            metrics=table_metrics(summary),
            figures=score_figures(scored),
            compared=compared_cells(shown, thumbnails, out),
            rule=RULE,
            strips=telling_strips(shown, thumbnails, out),
            runs=facts,
            notes=notes_of(facts),
            subjects=subject_table(scored, grids),
            grids=grids,
            printed=print_strips(grids, [run.label for run in shown], out, keep),
            differences=_differences(scored),
            galleries=gallery_views(scored, thumbnails, out),
            failures=failure_cards(shown, failures, thumbnails, out),
            above=bound_warnings(scored),
            unreadable=problems(thumbnails),
            miniature=MINIATURE_NOTE if is_miniature(summary.signature) else "",
            source=published().source,
            prompt_means=PROMPT_MEANS,
            files=embedded or dict(zip(FILES, FILES, strict=True)),
            image_places="data:" if embedded else "'self' file:",
            bibtex=BIBTEX,
            kinds=list(dict.fromkeys(kind for grid in grids for kind, _ in grid.groups)),
            sortable=sortable,
            image_titles={name: get_metric(name).title for name in sortable},
            style=_own_file("style.css"),
            script=script,
            script_hash=_hash_of(script),
        )
    )


def render_gallery(gallery: GalleryView, miniature: str, thumbnails: Mapping[Path, Thumbnail]) -> str:
    """Return a gallery's own page as HTML; ``miniature`` is the miniature's mark, or empty.

    It has no script, and everything is escaped as on the report's page.
    """
    template = _environment().get_template("gallery_page.html.j2")
    unreadable = problems(thumbnails)
    style = _own_file("style.css")
    return template.render(gallery=gallery, miniature=miniature, unreadable=unreadable, style=style)


def render_leaderboard(boards: Sequence[object], apart: Table) -> str:
    """Return the leaderboard as HTML: a sortable table per signature, and the published results apart."""
    script = _own_file("tables.js")
    template = _environment().get_template("leaderboard.html.j2")
    return template.render(
        boards=boards,
        apart=apart,
        style=_own_file("style.css"),
        script=script,
        script_hash=_hash_of(script),
    )


def render_tables(
    title: str,
    source: str,
    facts: Sequence[str],
    tables: Sequence[Table],
    figures: Mapping[str, tuple[str, bytes]] = MappingProxyType({}),
) -> str:
    """Return a page of sentences, figures and tables as HTML; it has no script, and everything is escaped.

    ``figures`` are images that become a part of the page, by caption: a MIME type and the bytes.
    """
    template = _environment().get_template("tables_page.html.j2")
    pictures = {
        caption: f"data:{kind};base64,{base64.b64encode(data).decode()}"
        for caption, (kind, data) in figures.items()
    }
    style = _own_file("style.css")
    return template.render(
        title=title, source=source, facts=facts, figures=pictures, tables=tables, style=style
    )


def _differences(scored: Sequence[RunScores]) -> Table:
    head = ("Difference", "Metric", "Mean", "95% interval", "p", "p, Holm", "Higher in")
    note = (
        "Mean over the subjects that both runs have of the difference of their scores. In brackets "
        f"the 95% interval ({INTERVAL}); p is the two-sided sign-flip permutation test of that mean, and "
        "beside it after Holm's correction over all rows of this table, bold below 0.05."
    )
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


def _groups(rows: Sequence[TableRow]) -> list[list[TableRow]]:
    return [list(some) for _, some in groupby(rows, key=lambda each: each.group)]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dreambench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(metric_title=numbers.title, count=numbers.count, plural=numbers.plural)
    environment.filters.update(groups=_groups)
    metrics = {name: get_metric(name) for name in METRICS.names()}
    environment.globals.update(
        meanings={name: metric.definition for name, metric in metrics.items()},
        titles={name: metric.title for name, metric in metrics.items()},
    )
    return environment


def _own_file(name: str) -> Markup:
    # This is our own script, so it is safe unescaped; escaping would break its ">".
    return Markup((Path(__file__).parent / "templates" / name).read_text(encoding="utf-8"))


def _hash_of(script: str) -> str:
    """Return a script's hash for the page's security policy: no other one runs, whatever a name contains."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
