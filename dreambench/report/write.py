"""Writing a report: the page, the tables in every format, the thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dreambench.analysis import RunScores, Summary, summary_of
from dreambench.analysis.run_scores import read_comparable_scores
from dreambench.analysis.scores import Scores
from dreambench.human.preference_table import paper_preferences, preference_table
from dreambench.human.votes import read_votes
from dreambench.literature.citation import BIBTEX, BIBTEX_FILE
from dreambench.literature.published import of_the_papers_subjects
from dreambench.report.correlation.correlation_tables import user_preference
from dreambench.report.csv_tables import rows_csv, subjects_csv, write_image_scores
from dreambench.report.main_table import latex_table, markdown_table
from dreambench.report.out_folder import refuse_foreign_folder
from dreambench.report.page import render_page
from dreambench.report.print_strips import strips_in_files
from dreambench.report.reported_table import published_tables
from dreambench.report.score_figures import losses_of
from dreambench.report.table import Table
from dreambench.report.thumbnails import make_thumbnails
from dreambench.spec.process import process_kept
from dreambench.store import RunFolder, open_run
from dreambench.store.files import write_json, write_text
from dreambench.store.moved_photos import find_photos

PAGE = "index.html"


def write_report(
    runs: Sequence[RunFolder],
    out: Path,
    *,
    force: bool = False,
    quiet: bool = False,
    votes: Path | None = None,
    published: bool = False,
) -> Path:
    """Write the report of one run, or of several side by side, and return the page's path.

    ``out`` gets ``index.html``, ``table.md``, ``table.tex``, ``table.csv``, ``subjects.csv``,
    ``images.csv``, ``images.parquet``, ``dreambooth.bib``, ``report.json`` (the form of
    ``report --json``) and ``thumbs/``. The page is written last, so an existing page is complete.
    Raises DreambenchError where the runs' signatures differ (unless ``force``), or the ``votes`` of a
    user study cannot be read, or ``out`` has files that are not an earlier report's, before anything is
    written, and where ``out`` cannot be written.
    ``published`` shows published results beside the runs.
    """
    refuse_foreign_folder(out, "report", runs)
    scored = read_comparable_scores(runs)
    summary = summary_of(scored, force)
    preferences = preferences_of(votes, summary)
    for run in scored:
        losses_of(run)  # a damaged log is an error before anything is written
    thumbnails = make_thumbnails(scored, out, quiet)
    if absent := [source for source, shown in thumbnails.items() if shown.href is None]:
        runs[0].notices.append(f"{len(absent)} files cannot be shown ({absent[0]} ...): missing or damaged")
    write_tables(scored, summary, out)
    beside = published_tables(summary.signature) if published else ()
    html = render_page(scored, summary, thumbnails, strips_in_files(out), out, preferences, reported=beside)
    write_text(out / PAGE, html)
    return out / PAGE


@process_kept()
def write_report_of(*runs: str | Path | Scores, out: str | Path | None = None, force: bool = False) -> Path:
    """Write the report of one run, or of several side by side, and return the page's path.

    ``runs`` are run folders or ``Scores``. ``out`` is the report's folder (None: in the one run's folder, or
    below results/). Raises DreambenchError where the signatures differ, unless ``force``.
    """
    named = [each.run if isinstance(each, Scores) else open_run(Path(each)) for each in runs]
    opened = [find_photos(run) for run in named]
    return write_report(opened, Path(out) if out else default_folder(opened), force=force)


def default_folder(runs: Sequence[RunFolder]) -> Path:
    """Return where a report goes by default: inside the one run, or below results/ for several."""
    if len(runs) == 1:
        return runs[0].report_folder
    names = [run.path.resolve().name for run in runs]
    return Path("results") / f"report-{'-'.join(names)}"[:200]


def write_tables(scored: Sequence[RunScores], summary: Summary, out: Path) -> None:
    """Write every file that the page offers (``page.FILES``) into the folder ``out``."""
    write_json(out / "report.json", summary)
    write_text(out / "table.md", markdown_table(summary))
    write_text(out / "table.tex", latex_table(summary))
    write_text(out / "table.csv", rows_csv(summary))
    write_text(out / "subjects.csv", subjects_csv(scored))
    write_image_scores(scored, out)
    write_text(out / BIBTEX_FILE, BIBTEX)


def preferences_of(votes: Path | None, summary: Summary) -> Table | None:
    """Return the table of a user study's votes, beside the paper's if the runs are comparable with it."""
    if votes is None:
        return None
    # The paper's votes are on images of the paper's subjects: show its rows only beside those.
    paper = paper_preferences() if of_the_papers_subjects(summary.signature) else {}
    return user_preference(preference_table(read_votes(votes)), paper)
