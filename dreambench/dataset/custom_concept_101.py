"""CustomConcept101 (Kumari et al. 2023, Custom Diffusion): 101 concepts, each with 20 prompts of its own.

Layout of adobe-research/custom-diffusion, folder ``customconcept101`` (main, c9c8be2), with the photos
unpacked into it: ``dataset.json``, ``prompts/NAME.txt`` and ``benchmark_dataset/CONCEPT/*``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dreambench.dataset.dataset import Problem, Subject
from dreambench.dataset.own import OUTSIDE, is_outside, read_lines, read_photos, row_problem
from dreambench.dataset.prompts import Category, Prompt

LIST = "dataset.json"
_FIELDS = ("class_prompt", "instance_data_dir", "prompt_filename")
#: How the names of concepts begin that are alive.
_LIVE = ("pet_", "person_")


class CustomConcept101:
    """Reads the published folder; the prompts' ``{}`` is where identifier and class noun go."""

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder has the published layout."""
        return (folder / LIST).is_file() and (folder / "prompts").is_dir()

    @staticmethod
    def read(folder: Path, decode: bool) -> tuple[tuple[Subject, ...], list[Problem]]:
        """Return the concepts in the list's order, and every problem found."""
        rows, problems = _rows(folder / LIST)
        subjects: dict[str, Subject] = {}
        for number, row in enumerate(rows):
            missing = [field for field in _FIELDS if not isinstance(row, dict) or not row.get(field)]
            if missing:
                problems.append(Problem(LIST, f"concept {number}: the field {missing[0]} is missing"))
                continue
            place, noun = Path(str(row["instance_data_dir"])), str(row["class_prompt"])
            category: Category = "live" if place.name.startswith(_LIVE) else "object"
            listed = {"subject": place.name, "class_noun": noun, "category": category}
            wrong = f"{place} {OUTSIDE}" if is_outside(place) else row_problem(listed, subjects)
            if wrong:
                problems.append(Problem(LIST, f"concept {number}: {wrong}"))
                continue
            photos, photo_problems = read_photos(folder / place.parent, place.name, decode)
            prompts, prompt_problems = _prompts(folder, str(row["prompt_filename"]))
            problems += [*photo_problems, *prompt_problems]
            subjects[place.name] = Subject(place.name, noun, category, photos, prompts)
        return tuple(subjects.values()), problems


def _rows(file: Path) -> tuple[list[Any], list[Problem]]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [], [Problem(LIST, f"cannot be read as JSON ({error})")]
    if not isinstance(rows, list) or not rows:
        return [], [Problem(LIST, "is not a list of concepts")]
    return rows, []


def _prompts(folder: Path, name: str) -> tuple[tuple[Prompt, ...], list[Problem]]:
    """Return the prompts of a file, one a line; ``{}`` stands for the concept."""
    texts, problem = ([], OUTSIDE) if is_outside(name) else read_lines(folder / name)
    if problem:
        return (), [Problem(name, problem)]
    if wrong := [text for text in texts if "{}" not in text]:
        return (), [Problem(name, f"{wrong[0]!r} has no {{}} in the concept's place")]
    if not texts:
        return (), [Problem(name, "contains no prompt")]
    templates = [text.replace("{}", "{identifier} {class_noun}") for text in texts]
    return tuple(Prompt(index, text, "CustomConcept101") for index, text in enumerate(templates)), []
