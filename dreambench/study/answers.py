"""From answers by side to votes by run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dreambench.errors import DreambenchError
from dreambench.study.database import Answer
from dreambench.study.study_plan import AttentionCheck, Pair, Rater, Step, StudyName, StudyPlan

Preferred = Literal["a", "b", "undecided"]


@dataclass(frozen=True)
class Vote:
    """One answer to one pair; the fields are the columns of the exported file, in this order.

    ``image_a`` and ``method_a`` are always the first run's, whatever side its image was shown on, and
    ``answer`` "a" prefers it. ``image_a`` is the entry of that run's score table, column ``file``;
    ``seconds`` passed from the showing of the question to its answer.
    """

    study: StudyName
    rater: str
    pair: str
    subject: str
    prompt_index: int
    image_a: str
    image_b: str
    method_a: str
    method_b: str
    answer: Preferred
    seconds: float


@dataclass(frozen=True)
class CheckedAnswer:
    """One answer to an attention check; it passed where the subject's own photo was chosen."""

    study: StudyName
    rater: str
    check: str
    subject: str
    answer: Literal["right", "wrong", "undecided"]
    passed: bool
    seconds: float


def votes_and_checks(plan: StudyPlan, answers: Iterable[Answer]) -> tuple[list[Vote], list[CheckedAnswer]]:
    """Return the votes and, separately, the answers to attention checks.

    Sorted by study, rater and pair. Raises DreambenchError for an answer that the plan never asked for.
    """
    raters, items = {rater.name: rater for rater in plan.raters}, plan.items
    votes: list[Vote] = []
    checks: list[CheckedAnswer] = []
    for answer in answers:
        rater, step = _question_of(raters, answer)
        item, preferred = items[step.item], _preferred(answer, step)
        if isinstance(item, Pair):
            votes.append(_vote(plan, rater, item, preferred, answer.seconds))
        else:
            checks.append(_checked(rater, item, preferred, answer.seconds))
    place = {study: number for number, study in enumerate(plan.studies)}
    votes.sort(key=lambda vote: (place[vote.study], vote.rater, vote.pair))
    checks.sort(key=lambda check: (place[check.study], check.rater, check.check))
    return votes, checks


def _question_of(raters: dict[str, Rater], answer: Answer) -> tuple[Rater, Step]:
    rater = raters.get(answer.rater)
    if rater is not None and answer.position < len(rater.steps):
        step = rater.steps[answer.position]
        if step.item == answer.item:
            return rater, step
    raise DreambenchError(
        f"study.db has an answer of {answer.rater} to {answer.item}, which study.json does not ask for",
        "the two files belong to different studies: restore both from one copy",
    )


def _preferred(answer: Answer, step: Step) -> Preferred:
    if answer.choice == "undecided":
        return "undecided"
    return "a" if (answer.choice == "left") != step.swapped else "b"


def _vote(plan: StudyPlan, rater: Rater, pair: Pair, preferred: Preferred, seconds: float) -> Vote:
    return Vote(
        study=pair.study,
        rater=rater.name,
        pair=pair.name,
        subject=pair.subject,
        prompt_index=pair.prompt_index,
        image_a=pair.file_a,
        image_b=pair.file_b,
        method_a=plan.run_a.name,
        method_b=plan.run_b.name,
        answer=preferred,
        seconds=seconds,
    )


def _checked(rater: Rater, check: AttentionCheck, preferred: Preferred, seconds: float) -> CheckedAnswer:
    names: dict[Preferred, Literal["right", "wrong", "undecided"]]
    names = {"a": "right", "b": "wrong", "undecided": "undecided"}
    return CheckedAnswer(
        study=check.study,
        rater=rater.name,
        check=check.name,
        subject=check.subject,
        answer=names[preferred],
        passed=preferred == "a",
        seconds=seconds,
    )
