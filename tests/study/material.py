"""Two small runs with pictures, a study of them, and requests to its application: no model, no server."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from dreambench.store import RunFolder
from dreambench.study.app import build_app
from dreambench.study.create import create_study
from dreambench.study.database import Database
from dreambench.study.draw import Sizes
from dreambench.study.folder import StudyFolder, read_plan
from dreambench.study.questionnaire import Questionnaire
from dreambench.study.study_plan import StudyPlan
from tests.analysis.material import image_row, make_run

NOUNS = {"ant": "dog", "bee": "cat", "cup": "bowl"}
#: Raters of the study of subjects.
RATER, OTHER = "subject-01-1", "subject-01-2"
FORM = "application/x-www-form-urlencoded"


def make_two_runs(
    folder: Path, prompts: Iterable[int] = range(4), nouns: dict[str, str] | None = None, **changes: Any
) -> tuple[RunFolder, RunFolder]:
    """Write the runs "ours" and "theirs": three subjects, ``prompts``, two images of each, two photos."""
    nouns, numbers = nouns or NOUNS, list(prompts)
    runs = []
    for name in ("ours", "theirs"):
        rows = [
            image_row(subject, prompt, image, (0.5, 0.6, 0.3), class_noun=noun, **changes)
            for subject, noun in nouns.items()
            for prompt in numbers
            for image in range(2)
        ]
        run = make_run(folder / name, rows, subjects=nouns, pictures=True)
        runs.append(run)
    return runs[0], runs[1]


def make_study(folder: Path, sizes: Sizes | None = None, **options: Any) -> StudyFolder:
    """Create a small study of two new runs below ``folder``."""
    runs = make_two_runs(folder)
    paths = [run.path for run in runs]
    create_study(*paths, folder / "study", sizes=sizes or Sizes(2, 3, 3), quiet=True, **options)
    return StudyFolder(folder / "study")


def read_csv(file: Path) -> list[dict[str, str]]:
    """Return a CSV file's rows."""
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


class Visitor:
    """Sends requests to a study's application, and follows nothing by itself."""

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.plan: StudyPlan = read_plan(folder)
        self.questionnaire = Questionnaire(self.plan, Database(folder.database_file))
        self._app = build_app(folder, self.questionnaire)
        rows = folder.links()
        self.paths = {row["rater"] or "organizer": _path(row["link"]) for row in rows}

    def get(self, path: str) -> httpx.Response:
        """Return the answer to a GET request."""
        return self._request("GET", path)

    def post(self, path: str, body: dict[str, str] | bytes = b"", kind: str = FORM) -> httpx.Response:
        """Return the answer to a POST request with a form, or with any bytes."""
        if isinstance(body, bytes):
            return self._request("POST", path, content=body, headers={"content-type": kind})
        return self._request("POST", path, data=body)

    def start(self, rater: str) -> str:
        """Let a rater consent; returns the path of the rater's link."""
        path = self.paths[rater]
        assert self.post(f"{path}/consent").status_code == 303
        return path

    def form(self, path: str, answer: str) -> dict[str, str]:
        """Return the form of the question that a rater sees now, filled with an answer."""
        page = self.get(path).text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
        return {**fields, "answer": answer}

    def answer(self, path: str, answer: str) -> httpx.Response:
        """Answer the present question."""
        return self.post(f"{path}/answer", self.form(path, answer))

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://study") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())


def _path(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def given(visitor: Visitor) -> list[tuple[str, int, str]]:
    """Return the answers that are in the database."""
    return [
        (answer.rater, answer.position, answer.choice) for answer in visitor.questionnaire.database.answers()
    ]


def stamp_key(visitor: Visitor) -> str:
    """Return the key that stamps of the application are signed with."""
    return visitor.questionnaire.database.settings["stamp_key"]
