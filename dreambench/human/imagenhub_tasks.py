"""The three ImagenHub tasks with human ratings, the metrics' scores and the judges' of the same images.

A judge is a vision-language model that was asked for a number from 0 to 10 per question; its semantic
consistency is the smallest of them (Ku et al., "VIEScore", ACL 2024). Where a reply could not be parsed, the
authors' code put a random number there, and says so in the reply: such a score is counted as a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dreambench.dataset.pinned_files import IMAGENHUB_JUDGES
from dreambench.errors import DreambenchError, did_you_mean
from dreambench.human.correlation.coefficients import Matrix
from dreambench.human.correlation.raters import TIE_DIGITS
from dreambench.human.imagenhub import (
    METRICS,
    PULL,
    Key,
    rater_name,
    read_by_sample,
    read_scores,
    with_ratings,
)

GUESS = "guess_if_cannot_parse"
_ALL_DATA = "run `dreambench data pull imagenhub --judges`, or name your own copy with --data FOLDER"


@dataclass(frozen=True)
class RatedTask:
    """A task: its name on the command line, its title, and its folders of ratings and of scores."""

    name: str
    title: str
    ratings: str
    scores: str


TASKS = {
    task.name: task
    for task in (
        RatedTask(
            "generation", "Subject-driven generation", "Subject-Driven_IG", "ImagenHub_Subject-Driven_IG"
        ),
        RatedTask("editing", "Subject-driven editing", "Subject-Driven_IE", "ImagenHub_Subject-Driven_IE"),
        RatedTask("multi-subject", "Several subjects", "Multi-Subject_IG", "ImagenHub_Multi-Concept_IC"),
    )
}


@dataclass(frozen=True)
class TaskRatings:
    """The rated images of a task, each with the mean of its raters and the scores that exist of it.

    ``images`` has the columns ``sample``, ``method``, ``sc`` and one per metric and judge, NaN where there
    is no score; ``guessed`` says for each judge which scores are guesses. ``ratings`` is (images, raters).
    """

    task: RatedTask
    images: pd.DataFrame
    metrics: tuple[str, ...]
    judges: tuple[str, ...]
    guessed: pd.DataFrame
    raters: tuple[str, ...]
    ratings: Matrix


def read_tasks(folder: Path | None, tasks: str = "all", judges: str = "all") -> list[TaskRatings]:
    """Read the tasks and judges that are asked for by name, with commas between them, or ``all``.

    ``folder`` contains ``human_ratings``, ``results_autometrics`` and ``results_JUDGE`` (None: the downloaded
    copy). Raises DreambenchError for an unknown name, and for a file, row or cell that cannot be read.
    """
    place = IMAGENHUB_JUDGES.folder if folder is None else folder
    if not (place / "human_ratings").is_dir():
        raise DreambenchError(f"{place} contains no folder human_ratings", _ALL_DATA)
    present = judge_folders(place)
    chosen = _named("--task", tasks, list(TASKS))
    asked = _named("--judges", judges, list(present)) if judges != "none" else []
    return [_read_task(place, TASKS[name], {judge: present[judge] for judge in asked}) for name in chosen]


def judge_folders(place: Path) -> dict[str, Path]:
    """Return the judges in a folder of ratings by name, such as ``gpt4o_0shot``."""
    folders = sorted(path for path in place.glob("results_*") if path.is_dir())
    return {f.name.removeprefix("results_"): f for f in folders if f.name != "results_autometrics"}


def _named(option: str, asked: str, known: Sequence[str]) -> list[str]:
    parts = known if asked == "all" else [part.strip() for part in asked.split(",") if part.strip()]
    names = list(dict.fromkeys(parts))
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known, cutoff=0.4)
            raise DreambenchError(
                f"{option} {name} is unknown", f"{hint}known: {', '.join(known) or 'none'}, all"
            )
    return names


def _read_task(place: Path, task: RatedTask, judges: dict[str, Path]) -> TaskRatings:
    tables = sorted((place / "human_ratings" / task.ratings).glob("*_rater*.tsv"))
    if len(tables) < 2:
        raise DreambenchError(f"{place}/human_ratings/{task.ratings} lacks the tables of two raters", PULL)
    images, pairs = with_ratings(tables, read_scores(place / "results_autometrics" / task.scores))
    ratings = pairs[..., 0]
    images["sc"] = ratings.mean(axis=1).round(TIE_DIGITS)
    keys = list(images[["sample", "method"]].itertuples(index=False, name=None))
    guessed = pd.DataFrame(index=images.index)
    found = {name: _read_judge(folder / task.scores) for name, folder in judges.items()}
    there = {name: replies for name, replies in found.items() if replies}
    for name, replies in there.items():
        images[name] = [replies.get(key, (np.nan, False))[0] for key in keys]
        guessed[name] = [replies.get(key, (np.nan, False))[1] for key in keys]
    raters = tuple(map(rater_name, tables))
    return TaskRatings(task, images, tuple(METRICS), tuple(there), guessed, raters, ratings)


def _read_judge(folder: Path) -> dict[Key, tuple[float, bool]]:
    """Return a judge's semantic consistency by sample and method, and whether it is a guess."""
    found: dict[Key, tuple[float, bool]] = {}
    for path in sorted(folder.glob("*/SC.json")):
        for uid, reply in read_by_sample(path, "a judge's replies", _ALL_DATA).items():
            found[uid, path.parent.name] = _smallest(reply), GUESS in str(reply.get("reasoning"))
    return found


def _smallest(reply: dict[str, Any]) -> float:
    given = reply.get("score")
    values = given if isinstance(given, list) else [given]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or not np.isfinite(numbers).all():
        return np.nan  # not a number: the reply stays missing, and is counted
    return float(min(numbers)) if numbers else np.nan
