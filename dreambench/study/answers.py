"""From answers by side to votes by run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from dreambench.errors import DreambenchError
from dreambench.human.votes import COLUMNS
from dreambench.study.database import Answer
from dreambench.study.study_plan import STUDIES, Pair, Rater, Step, StudyPlan

CHECK_COLUMNS = ("study", "rater", "check", "subject", "answer", "passed", "seconds")
_CHECKED = {"a": "right", "b": "wrong", "undecided": "undecided"}


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
