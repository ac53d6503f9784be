"""The export: votes and attention checks as CSV files, and Table 2 beside the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from dreambench.errors import DreambenchError
from dreambench.human.correlation.results import Preference
from dreambench.human.preference_table import (
    HEAD,
    PAPER_METHODS,
    UNDECIDED,
    paper_preferences,
    paper_row,
    preference_rows,
    preference_table,
)
from dreambench.human.votes import COLUMNS
from dreambench.spec.frozen import Frozen
from dreambench.store.files import write_text
from dreambench.study.database import Answer, Database
from dreambench.study.folder import StudyFolder, read_plan
from dreambench.study.study_plan import STUDIES, Pair, Rater, RunNote, Step, StudyName, StudyPlan

if TYPE_CHECKING:
    from rich.table import Table

TITLE = "Table 2: preferred by the majority, share of pairs, 95% interval"
COLUMNS_SHOWN = 7  # of Table 2 on a terminal: up to the shares of pairs
CHECK_COLUMNS = ("study", "rater", "check", "subject", "answer", "passed", "seconds")
_CHECKED = {"a": "right", "b": "wrong", "undecided": "undecided"}


class PaperShares(Frozen):
    """The paper's Table 2, in the order in which its DreamBooth stands where ours does."""

    method_a: str
    method_b: str
    a: float
    b: float
    undecided: float


class StudyResult(Frozen):
    """One study: how much was asked, our result (None before the first vote), the paper's, and the checks.

    Where inattentive raters are left out, ``preference_of_all`` is the result with their votes.
    """

    study: StudyName
    pairs_asked: int
    votes_expected: int
    preference: Preference | None
    paper: PaperShares
    checks_answered: int
    checks_passed: int
    preference_of_all: Preference | None = None


class Results(Frozen):
    """What ``study export --json`` prints."""

    method_a: str
    method_b: str
    votes: int
    file: str
    checks_file: str | None
    #: Raters below ``--min-attention``, with the share of the checks that they passed.
    left_out: Mapping[str, float]
    studies: tuple[StudyResult, ...]


def export_study(path: Path, out: Path | None = None, min_attention: float | None = None) -> Results:
    """Write the votes given so far to ``out`` (default: votes.csv in the study), and count them.

    ``min_attention`` leaves out the votes of raters who passed a smaller share of their attention checks;
    without an answered check nobody is left out. Attention checks are never votes; they go to a separate
    file, ``<out>-checks.csv``, if there are any. May run while the server does. Raises DreambenchError for a
    folder without a study, or a file that cannot be written.
    """
    folder = StudyFolder(path)
    plan = read_plan(folder)
    votes, checks = votes_and_checks(plan, Database(folder.database_file).answers())
    left_out = {} if min_attention is None else _inattentive(checks, min_attention)
    kept = votes[~votes["rater"].isin(left_out)]
    file = out or folder.votes_file
    checks_file = file.with_name(f"{file.stem}-checks.csv") if plan.checks else None
    write_text(file, kept.to_csv(index=False, lineterminator="\n"))
    if checks_file is not None:
        write_text(checks_file, checks.to_csv(index=False, lineterminator="\n"))
    everyone = votes if left_out else None
    return Results(
        method_a=plan.run_a.name,
        method_b=plan.run_b.name,
        votes=len(kept),
        file=str(file),
        checks_file=str(checks_file) if checks_file else None,
        left_out=left_out,
        studies=tuple(_result(plan, study, kept, everyone, checks) for study in plan.studies),
    )


def votes_and_checks(plan: StudyPlan, answers: Iterable[Answer]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the votes (columns ``COLUMNS``) and, separately, the answers to attention checks.

    ``image_a`` and ``method_a`` are always the first run's, whatever side its image was shown on, and
    ``answer`` "a" prefers it. A check is ``passed`` where the subject's own photo was chosen. ``seconds``
    passed from the showing of the question to its answer. Both are sorted by study, rater and name. Raises
    DreambenchError for an answer that the plan never asked for.
    """
    raters, items = {rater.name: rater for rater in plan.raters}, plan.items
    votes: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    for answer in answers:
        step = _step_of(raters, answer)
        item, preferred = items[step.item], _preferred(answer, step)
        row = {"study": item.study, "rater": answer.rater, "subject": item.subject, "seconds": answer.seconds}
        if isinstance(item, Pair):
            row |= {"pair": item.name, "prompt_index": item.prompt_index, "answer": preferred}
            row |= {"image_a": item.file_a, "image_b": item.file_b}
            votes.append({**row, "method_a": plan.run_a.name, "method_b": plan.run_b.name})
        else:
            row |= {"check": item.name, "answer": _CHECKED[preferred], "passed": preferred == "a"}
            checks.append(row)
    votes.sort(key=lambda row: (STUDIES.index(row["study"]), row["rater"], row["pair"]))
    checks.sort(key=lambda row: (STUDIES.index(row["study"]), row["rater"], row["check"]))
    return pd.DataFrame(votes, columns=list(COLUMNS)), pd.DataFrame(checks, columns=list(CHECK_COLUMNS))


def _step_of(raters: Mapping[str, Rater], answer: Answer) -> Step:
    rater = raters.get(answer.rater)
    if rater is not None and answer.position < len(rater.steps):
        step = rater.steps[answer.position]
        if step.item == answer.item:
            return step
    raise DreambenchError(
        f"study.db has an answer of {answer.rater} to {answer.item}, which study.json does not ask for",
        "the two files belong to different studies: restore both from one copy",
    )


def _preferred(answer: Answer, step: Step) -> str:
    if answer.choice == "undecided":
        return "undecided"
    return "a" if (answer.choice == "left") != step.swapped else "b"


def _inattentive(checks: pd.DataFrame, least: float) -> dict[str, float]:
    """Return the raters who passed a smaller share of their checks than ``least``, with that share."""
    shares = checks.groupby("rater")["passed"].mean()
    return {str(rater): float(share) for rater, share in shares.items() if share < least}


def paper_shares(study: StudyName, run_a: RunNote, run_b: RunNote) -> PaperShares:
    """Return the paper's shares; ``a`` is DreamBooth, unless it is our second run and not our first."""
    values = paper_preferences()[study]
    a, b = PAPER_METHODS
    if run_b.method == "dreambooth" != run_a.method:
        a, b = b, a
    return PaperShares(
        method_a=PAPER_METHODS[a],
        method_b=PAPER_METHODS[b],
        a=values[a],
        b=values[b],
        undecided=values[UNDECIDED],
    )


def _result(
    plan: StudyPlan, study: StudyName, kept: pd.DataFrame, everyone: pd.DataFrame | None, checks: pd.DataFrame
) -> StudyResult:
    passed = checks.loc[checks["study"] == study, "passed"]
    pairs = {pair.name for pair in plan.pairs if pair.study == study}
    steps = [step for rater in plan.raters if rater.study == study for step in rater.steps]
    return StudyResult(
        study=study,
        pairs_asked=len(pairs),
        votes_expected=sum(step.item in pairs for step in steps),
        preference=_preference(study, kept),
        paper=paper_shares(study, plan.run_a, plan.run_b),
        checks_answered=len(passed),
        checks_passed=int(passed.sum()),
        preference_of_all=None if everyone is None else _preference(study, everyone),
    )


def _preference(study: StudyName, votes: pd.DataFrame) -> Preference | None:
    own = votes[votes["study"] == study]
    return preference_table(own)[0] if len(own) else None


def results_table(results: Results) -> Table:
    """Return Table 2 for the terminal: for each study our row, if there are votes, and the paper's."""
    from rich.table import Table
    from rich.text import Text

    counts = "\n".join(_count(result) for result in results.studies)
    table = Table(title=TITLE, title_justify="left", caption=f"\n{counts}", caption_justify="left", box=None)
    table.padding, table.pad_edge, table.collapse_padding = (0, 1), False, True  # fits 80 columns
    for number, name in enumerate(HEAD[:COLUMNS_SHOWN]):
        table.add_column(Text(name), justify="left" if number < 3 else "right", overflow="fold")
    # Our methods stand in alphabetical order; the paper's DreamBooth stands below ours.
    sorted_differently = results.method_a > results.method_b
    for result in results.studies:
        for found, whose, style in (
            (result.preference, "", None),
            (result.preference_of_all, " (all raters)", "dim"),
        ):
            for study, *cells in preference_rows([found] if found else []):
                shown = [cell.replace(" [", "\n[") for cell in cells[: COLUMNS_SHOWN - 1]]
                table.add_row(*map(Text, [study + whose, *shown]), style=style)
        dreambooth_is_second = result.paper.method_a != PAPER_METHODS["dreambooth"]
        swapped = dreambooth_is_second != sorted_differently
        quoted = paper_row(result.study, paper_preferences()[result.study], swapped)
        table.add_row(*map(Text, quoted[:COLUMNS_SHOWN]), style="dim")
    return table


def _count(result: StudyResult) -> str:
    found = result.preference
    pairs, votes = (found.pairs, found.win_rate.of) if found else (0, 0)
    return (
        f"{result.study} fidelity: {votes:,} of {result.votes_expected:,} votes, "
        f"on {pairs:,} of {result.pairs_asked:,} pairs"
    )
