"""The study's folder: where its files are. It contains all that the server needs, so it can be moved."""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import ValidationError

from dreambench.errors import DreambenchError
from dreambench.paths import refuse_special
from dreambench.spec.frozen import first_problem
from dreambench.study.study_plan import StudyPlan


class StudyFolder:
    """The places below ``path``.

    ``study.json`` is the plan, ``pictures/`` the images, ``study.db`` the answers, ``links.csv`` the
    links with their tokens. No other file contains the tokens, and the server does not need this one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan_file = path / "study.json"
        self.pictures = path / "pictures"
        self.database_file = path / "study.db"
        self.links_file = path / "links.csv"
        self.votes_file = path / "votes.csv"

    def picture(self, name: str) -> Path:
        """Return the path of a picture; the plan allows only names that stay inside the folder."""
        return self.pictures / name

    def links(self) -> list[dict[str, str]]:
        """Return the rows of links.csv; none where the organizer has taken the file away."""
        try:
            with self.links_file.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        except OSError:
            return []


def read_plan(folder: StudyFolder) -> StudyPlan:
    """Read a study's plan. Raises DreambenchError where there is none, or a damaged one."""
    refuse_special(folder.plan_file)
    try:
        return StudyPlan.model_validate_json(folder.plan_file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DreambenchError(
            f"{folder.path} is not a study folder (no study.json)", "give a folder that `study create` made"
        ) from error
    except ValidationError as error:
        raise DreambenchError(
            f"{folder.plan_file} is damaged: {first_problem(error)}", "restore it from a copy"
        ) from error
    except (OSError, ValueError) as error:
        raise DreambenchError(
            f"{folder.plan_file} cannot be read: {error}", "restore it from a copy"
        ) from error


def check_pictures(folder: StudyFolder, plan: StudyPlan) -> None:
    """Raise DreambenchError where a picture of the plan is missing, or is a link to another place."""
    names = {name for photos in plan.photos.values() for name in photos}
    names |= {name for item in plan.items.values() for name in plan.pictures_of(item)}
    inside = folder.pictures.resolve()
    for name in sorted(names):
        file = folder.picture(name)
        if not file.is_file() or file.resolve().parent != inside:
            raise DreambenchError(
                f"{file} is missing, or leads out of the study", "copy the whole folder again"
            )
