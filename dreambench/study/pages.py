"""The pages as HTML: plain forms that work without scripts; every text of a dataset is escaped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from dreambench.study.database import RaterProgress
from dreambench.study.questionnaire import Question
from dreambench.study.study_plan import Rater, StudyName, StudyPlan

TEMPLATES = Path(__file__).parent / "templates"
SECONDS_PER_QUESTION = 15  # for the estimate on the consent page
TITLES: dict[StudyName, str] = {"subject": "Subject fidelity", "prompt": "Prompt fidelity"}


@dataclass(frozen=True)
class Message:
    """The title and the text of a page without questions."""

    title: str
    text: str


UNKNOWN = Message("This link is not valid", "Please check that you opened the whole link that you were sent.")
DONE = Message("Thank you", "All your answers are saved. You can close this page.")
REPEATED = Message(
    "This question is not open",
    "You have already answered it, and the first answer counts; or other questions come first.",
)
MALFORMED = Message("This answer could not be read", "Nothing was saved. Please go back to your question.")
UNSAVED = Message("Your answer could not be saved", "Please wait a moment, then go back to your question.")
NOT_FOUND = Message(
    "There is nothing here", "If you are taking part in a study, please open the link that you were sent."
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
        """Return a page with a message, and with a way back where ``base`` is given."""
        return self._render("message", message=message, base=base)

    def organizer(self, progress: dict[str, RaterProgress]) -> str:
        """Return the organizer's page: how far every rater is, and no answers."""
        studies = [_study_progress(self._plan, study, progress) for study in self._plan.studies]
        return self._render("organizer", plan=self._plan, studies=studies)

    def _render(self, name: str, **fields: Any) -> str:
        return self._environment.get_template(f"{name}.html.j2").render(**fields)


def _study_progress(plan: StudyPlan, study: StudyName, progress: dict[str, RaterProgress]) -> dict[str, Any]:
    raters = [
        {
            "name": rater.name,
            "questionnaire": rater.questionnaire,
            "consented": progress[rater.name].consented,
            "answered": progress[rater.name].answered,
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
