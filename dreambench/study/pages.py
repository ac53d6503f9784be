"""The pages as HTML: plain forms that work without scripts, and every word of a dataset escaped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dreambench.study.database import RaterProgress
from dreambench.study.questionnaire import Question, Questionnaire
from dreambench.study.study_plan import Rater, StudyName, StudyPlan

TEMPLATES = Path(__file__).parent / "templates"
SECONDS_PER_QUESTION = 15  # for the estimate on the consent page
TITLES: dict[StudyName, str] = {"subject": "Subject fidelity", "prompt": "Prompt fidelity"}


@dataclass(frozen=True)
class Message:
    """A page that says one thing."""

    title: str
    text: str


UNKNOWN = Message("This link is not valid", "Please check that you opened the whole link that you were sent.")
DONE = Message("Thank you", "All your answers are saved. You can close this page.")
REPEATED = Message(
    "This question is behind you",
    "You answered it before, and the first answer stands; or it is not your turn to answer it yet.",
)
MALFORMED = Message("This answer could not be read", "Nothing was saved. Please go back to your question.")
UNSAVED = Message("Your answer could not be saved", "Please wait a moment, then go back to your question.")
NOT_FOUND = Message(
    "There is nothing here", "If you take part in a study, please open the link you were sent."
)
HOME = Message("An image comparison study", "To take part, please open the link that you were sent.")


class Pages:
    """Renders the pages of one study."""

    def __init__(self, plan: StudyPlan) -> None:
        self._plan = plan
        self._environment = Environment(
            loader=PackageLoader("dreambench.study"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(titles=TITLES)

    def consent(self, rater: Rater, base: str) -> str:
        """Return the page that asks for consent; ``base`` is the path of the rater's link."""
        minutes = max(1, round(len(rater.steps) * SECONDS_PER_QUESTION / 60))
        return self._render(
            "consent", base=base, total=len(rater.steps), minutes=minutes, contact=self._plan.contact
        )

    def instructions(self, rater: Rater, base: str, answered: int) -> str:
        """Return the instructions of the rater's study."""
        return self._render("instructions", base=base, study=rater.study, answered=answered)

    def question(self, question: Question, base: str) -> str:
        """Return a question with its pictures and its three answers."""
        return self._render("question", base=base, question=question)

    def message(self, message: Message, base: str | None = None) -> str:
        """Return a page that says one thing, with a way back where ``base`` is given."""
        return self._render("message", message=message, base=base)

    def organizer(self, desk: Questionnaire) -> str:
        """Return the organizer's page: how far every rater is, not what anybody answered."""
        standings = desk.database.progress()
        studies = [_study_progress(desk.plan, study, standings) for study in desk.plan.studies]
        return self._render("organizer", plan=desk.plan, studies=studies)

    def _render(self, name: str, **fields: Any) -> str:
        return self._environment.get_template(f"{name}.html.j2").render(**fields)


def _study_progress(plan: StudyPlan, study: StudyName, standings: dict[str, RaterProgress]) -> dict[str, Any]:
    raters = [
        {
            "name": rater.name,
            "questionnaire": rater.questionnaire,
            "consented": standings[rater.name].consented,
            "answered": standings[rater.name].answered,
            "total": len(rater.steps),
        }
        for rater in plan.raters
        if rater.study == study
    ]
    return {
        "name": study,
        "raters": raters,
        "answered": sum(rater["answered"] for rater in raters),
        "total": sum(rater["total"] for rater in raters),
        "finished": sum(rater["answered"] == rater["total"] for rater in raters),
    }
