"""DSH-Bench (Hu et al. 2026, arXiv 2603.08090): one photo a subject, each with 12 prompts in six scenarios.

Layout of sunriverhzy/DSH-Bench, folder ``data`` (a5dc97c): ``DSH-Bench_image_info.json``, which maps
``./images/N.jpg`` to the subject, its prompts and its categories, beside ``images/``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from dreambench.dataset.dataset import Photo, Problem, Subject
from dreambench.dataset.dreambench_plus_folder import with_placeholders
from dreambench.dataset.own import photo_problem, row_problem
from dreambench.dataset.prompts import Category, Prompt
from dreambench.paths import sha256_of

LIST = "DSH-Bench_image_info.json"
_LIVE = ("Animal", "Person")


class _Scenario(BaseModel):
    prompt: str = Field(min_length=1)
    prompt_scenario: str


class _Categories(BaseModel):
    cate2: str


class _Entry(BaseModel):
    """What the list says of one photo; fields that are not needed here are ignored."""

    subject: str = Field(min_length=1)
    prompt: list[_Scenario] = Field(min_length=1)
    metadata: _Categories


class DshBench:
    """Reads the published folder. A subject is called after its photo and its noun: ``431_mug``."""

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder has the published layout."""
        return (folder / LIST).is_file()

    @staticmethod
    def read(folder: Path, decode: bool) -> tuple[tuple[Subject, ...], list[Problem]]:
        """Return the subjects in the list's order, and every problem found."""
        entries, problems = _entries(folder / LIST)
        subjects: dict[str, Subject] = {}
        for place, entry in entries.items():
            picture = folder / place
            wrong = photo_problem(folder, place, decode)
            if wrong:
                problems.append(Problem(place, wrong))
                continue
            noun = entry.subject.strip().lower()
            name = f"{picture.stem}_{noun.replace(' ', '_')}"
            kind: Category = "live" if entry.metadata.cate2 in _LIVE else "object"
            wrong = row_problem({"subject": name, "class_noun": noun, "category": kind}, subjects)
            if wrong:
                problems.append(Problem(LIST, wrong))
                continue
            prompts = tuple(
                Prompt(index, with_placeholders(each.prompt, noun), each.prompt_scenario)
                for index, each in enumerate(entry.prompt)
            )
            photos = (Photo(picture, sha256_of(picture)),)
            subjects[name] = Subject(name, noun, kind, photos, prompts)
        return tuple(subjects.values()), problems


def _entries(file: Path) -> tuple[dict[str, _Entry], list[Problem]]:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
        return TypeAdapter(dict[str, _Entry]).validate_python(content), []
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return {}, [Problem(LIST, f"{where}: {first['msg'].lower()}")]
    except (OSError, ValueError) as error:
        return {}, [Problem(LIST, f"cannot be read as JSON ({error})")]
