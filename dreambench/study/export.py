"""The export: votes and attention checks as CSV files, and Table 2 beside the paper's."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.human.correlation.results import Preference
from dreambench.human.preference_table import UNDECIDED, preference_table
from dreambench.human.votes import COLUMNS
from dreambench.literature.published import published
from dreambench.spec.frozen import Frozen
from dreambench.store.files import write_text
from dreambench.study.answers import CheckedAnswer, Vote, votes_and_checks
from dreambench.study.database import Database
from dreambench.study.folder import StudyFolder, read_plan
from dreambench.study.study_plan import RunNote, StudyName, StudyPlan

if TYPE_CHECKING:
    from rich.table import Table

_PAPER_ROW: dict[StudyName, str] = {"subject": "subject-fidelity", "prompt": "prompt-fidelity"}


class PaperShares(Frozen):
    """The paper's Table 2, turned so that its DreamBooth stands where ours does."""

    method_a: str
    method_b: str
    a: float
    b: float
    undecided: float


class StudyResult(Frozen):
    """One study: what was asked, our row (None before the first vote), the paper's, and the checks."""

    study: StudyName
    pairs_asked: int
    votes_expected: int
    preference: Preference | None
    paper: PaperShares
    checks_answered: int
    checks_passed: int


class Results(Frozen):
    """What ``study export --json`` prints."""

    method_a: str
    method_b: str
    votes: int
    file: str
    checks_file: str | None
    studies: tuple[StudyResult, ...]


@dataclass(frozen=True)
class _Exported:
    plan: StudyPlan
    votes: list[Vote]
    checks: list[CheckedAnswer]


def export_study(path: Path, out: Path | None = None) -> Results:
    """Write the votes given so far to ``out`` (default: votes.csv in the study), and count them.

    Attention checks go to a file of their own, ``<out>-checks.csv``, where there are any, and are never
    votes. May run while the server does. Raises DreambenchError for a folder without a study, or a file
    that cannot be written.
    """
    folder = StudyFolder(path)
    plan = read_plan(folder)
    votes, checks = votes_and_checks(plan, Database(folder.database_file).answers())
    file = out or folder.votes_file
    checks_file = file.with_name(f"{file.stem}-checks.csv") if plan.checks else None
    write_text(file, csv_text(Vote, votes))
    if checks_file is not None:
        write_text(checks_file, csv_text(CheckedAnswer, checks))
    exported = _Exported(plan, votes, checks)
    return Results(
        method_a=plan.run_a.name,
        method_b=plan.run_b.name,
        votes=len(votes),
        file=str(file),
        checks_file=str(checks_file) if checks_file else None,
        studies=tuple(_result(exported, study) for study in plan.studies),
    )


def csv_text(row: type, rows: Sequence[Vote] | Sequence[CheckedAnswer]) -> str:
    """Return rows of one dataclass as CSV, with its fields as the header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(row))
    writer.writerows(astuple(one) for one in rows)
    return text.getvalue()


def paper_shares(study: StudyName, run_a: RunNote, run_b: RunNote) -> PaperShares:
    """Return the paper's shares; ``a`` is DreamBooth, unless it is our second run and not our first."""
    values = published().table(2).row(_PAPER_ROW[study]).values
    names = {"dreambooth": "DreamBooth", "textual_inversion": "Textual Inversion"}
    a, b = names
    if run_b.method == "dreambooth" != run_a.method:
        a, b = b, a
    return PaperShares(
        method_a=names[a], method_b=names[b], a=values[a], b=values[b], undecided=values["undecided"]
    )


def _result(exported: _Exported, study: StudyName) -> StudyResult:
    plan, checks = exported.plan, [check for check in exported.checks if check.study == study]
    pairs = {pair.name for pair in plan.pairs if pair.study == study}
    steps = [step for rater in plan.raters if rater.study == study for step in rater.steps]
    return StudyResult(
        study=study,
        pairs_asked=len(pairs),
        votes_expected=sum(step.item in pairs for step in steps),
        preference=_preference(study, exported.votes),
        paper=paper_shares(study, plan.run_a, plan.run_b),
        checks_answered=len(checks),
        checks_passed=sum(check.passed for check in checks),
    )


def _preference(study: StudyName, votes: Sequence[Vote]) -> Preference | None:
    import pandas as pd

    rows = [astuple(vote) for vote in votes if vote.study == study]
    return preference_table(pd.DataFrame(rows, columns=list(COLUMNS)))[0] if rows else None


def results_table(results: Results) -> Table:
    """Return Table 2 for the terminal: our shares of pairs with Wilson's intervals, then the paper's."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    title = "Table 2: preferred by the majority, share of pairs, 95% interval"
    table = Table(title=title, title_justify="left", box=SIMPLE, padding=(0, 1))
    for column in ("fidelity", results.method_a, results.method_b, "undecided", "pairs", "votes"):
        table.add_column(Text(column), justify="left" if column == "fidelity" else "right", overflow="fold")
    for result in results.studies:
        found, paper = result.preference, result.paper
        pairs, votes = (found.pairs, found.win_rate.of) if found else (0, 0)
        counts = (f"{pairs} of {result.pairs_asked}", f"{votes} of {result.votes_expected}")
        names = (results.method_a, results.method_b, UNDECIDED)
        table.add_row(result.study, *(_percent(found, name) for name in names), *counts)
        quoted = (f"{paper.a:.0%}\n{paper.method_a}", f"{paper.b:.0%}\n{paper.method_b}")
        table.add_row("the paper", *quoted, f"{paper.undecided:.0%}", "600", "1800", style="dim")
    return table


def _percent(found: Preference | None, name: str) -> str:
    share = found.majority[name] if found else None
    if share is None or share.ci95 is None:
        return "-"
    low, high = share.ci95
    return f"{share.share:.1%}\n[{100 * low:.1f}, {100 * high:.1f}]"
