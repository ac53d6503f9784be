"""What a rater may see and do: the next question, its pictures, and one answer to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from itsdangerous import BadSignature, Signer

from dreambench.study.database import CHOICES, Answer, Database
from dreambench.study.links import is_token, token_hash
from dreambench.study.study_plan import Rater, StudyName, StudyPlan


class MalformedAnswerError(Exception):
    """A form that was not made by a page of this study."""


@dataclass(frozen=True)
class Question:
    """One question as it is shown.

    ``number`` counts from 1; ``left`` is image A, ``right`` image B; ``stamp`` is the signed time of showing.
    """

    study: StudyName
    number: int
    total: int
    text: str
    photos: tuple[str, ...]
    left: str
    right: str
    stamp: str


class Questionnaire:
    """Hands out questions and takes answers, for one study. ``clock`` returns seconds since 1970."""

    def __init__(self, plan: StudyPlan, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.plan = plan
        self.database = database
        self._clock = clock
        self._items = plan.items
        self._raters = {rater.name: rater for rater in plan.raters}
        self._pictures = {
            rater.name: {name for step in rater.steps for name in plan.pictures_of(self._items[step.item])}
            for rater in plan.raters
        }

    def rater(self, token: str) -> Rater | None:
        """Return the rater whose token this is, or None."""
        name = self.database.raters_by_hash.get(token_hash(token)) if is_token(token) else None
        return None if name is None else self._raters.get(name)

    def is_organizer(self, token: str) -> bool:
        """Return whether this is the organizer's token.

        Hashes are compared, so the time that it takes reveals nothing about the token.
        """
        return is_token(token) and token_hash(token) == self.database.settings["organizer_hash"]

    def may_see(self, rater: Rater, picture: str) -> bool:
        """Return whether a picture belongs to this rater's questionnaire."""
        return picture in self._pictures[rater.name]

    def question(self, rater: Rater, position: int) -> Question:
        """Return the question at a position (from 0), stamped with the current time."""
        step = rater.steps[position]
        item = self._items[step.item]
        pictures = (item.picture_a, item.picture_b)
        left, right = reversed(pictures) if step.swapped else pictures
        shown = int(self._clock() * 1000)
        return Question(
            study=rater.study,
            number=position + 1,
            total=len(rater.steps),
            text=item.text,
            photos=self.plan.shown_photos(item),
            left=left,
            right=right,
            stamp=stamp(self.database.settings["stamp_key"], rater.name, position, shown),
        )

    def take(self, rater: Rater, form: Mapping[str, str]) -> None:
        """Commit the answer of a form with the fields ``question``, ``answer`` and ``shown``.

        Raises MalformedAnswerError for a form that was not made by a page of this study, and OutOfTurnError
        as ``Database.record`` does.
        """
        number, choice = form.get("question", ""), form.get("answer", "")
        # isdecimal() alone accepts digits of other scripts, which int() reads as well.
        if not (number.isascii() and number.isdecimal() and len(number) < 7) or choice not in CHOICES:
            raise MalformedAnswerError
        position = int(number) - 1
        if not 0 <= position < len(rater.steps):
            raise MalformedAnswerError
        key = self.database.settings["stamp_key"]
        shown = read_stamp(key, rater.name, position, form.get("shown", ""))
        if shown is None:
            raise MalformedAnswerError
        seconds = max(0.0, round(self._clock() - shown / 1000, 3))
        item = rater.steps[position].item
        self.database.record(Answer(rater.name, position, item, choice, seconds))  # type: ignore[arg-type]


def stamp(key: str, rater: str, position: int, milliseconds: int) -> str:
    """Return the time at which a question was shown, signed for this rater and this question.

    It travels in the rater's form, so showing a page writes nothing and a killed server forgets nothing.
    """
    return _signer(key, rater, position).sign(str(milliseconds)).decode()


def read_stamp(key: str, rater: str, position: int, text: str) -> int | None:
    """Return the milliseconds of a stamp, or None if it was not made for this rater and this question."""
    try:
        return int(_signer(key, rater, position).unsign(text))
    except BadSignature:
        return None


def _signer(key: str, rater: str, position: int) -> Signer:
    salt = f"dreambench.study/{rater}/{position}"
    return Signer(key, salt, key_derivation="hmac", digest_method=hashlib.sha256)
