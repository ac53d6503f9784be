"""DreamBench++ (Peng et al., ICLR 2025): 150 images, each with 9 prompts of its own.

Layout of yuangpeng/dreambench_plus (``dreambench_plus_dataset.py``, df0b960): ``images/CATEGORY/NN.jpg``, and
``captions/CATEGORY/NN.txt`` with the subject in its first line and a prompt in each line below.
"""

from __future__ import annotations

import re
from pathlib import Path

from dreambench.dataset.dataset import Photo, Problem, Subject
from dreambench.dataset.own import photo_problem, read_lines, row_problem
from dreambench.dataset.prompts import Category, Prompt
from dreambench.paths import sha256_of

_LIVE = ("animal", "human")


class DreamBenchPlusFolder:
    """Reads the published folder. A subject is called ``live_subject_animal_00_kitten``, as there."""

    @staticmethod
    def matches(folder: Path) -> bool:
        """Whether a folder has the published layout."""
        return (folder / "images").is_dir() and (folder / "captions").is_dir()

    @staticmethod
    def read(folder: Path, decode: bool) -> tuple[tuple[Subject, ...], list[Problem]]:
        """Return the subjects, sorted by name, and every problem found."""
        subjects, problems = [], []
        pictures = sorted((folder / "images").glob("*/*.jpg"))
        if not pictures:
            problems.append(Problem("images", "contains no CATEGORY/NN.jpg"))
        for picture in pictures:
            category, number = picture.parent.name, picture.stem
            caption = Path("captions") / category / f"{number}.txt"
            lines, problem = read_lines(folder / caption)
            if not problem and len(lines) < 2:
                problem = "lacks the subject's line, or a prompt below it"
            if problem:
                problems.append(Problem(caption.as_posix(), problem))
                continue
            place = picture.relative_to(folder)
            if problem := photo_problem(folder, place, decode):
                problems.append(Problem(place.as_posix(), problem))
                continue
            alive = category in _LIVE
            noun = lines[0].lower()
            group = f"live_subject_{category}" if alive else category
            name = "_".join([group, number, noun.replace(" ", "_")])
            kind: Category = "live" if alive else "object"
            wrong = row_problem({"subject": name, "class_noun": noun, "category": kind}, {})
            if wrong:
                problems.append(Problem(caption.as_posix(), wrong))
                continue
            prompts = tuple(
                Prompt(i, with_placeholders(text, noun), category) for i, text in enumerate(lines[1:])
            )
            subjects.append(Subject(name, noun, kind, (Photo(picture, sha256_of(picture)),), prompts))
        return tuple(sorted(subjects, key=lambda subject: subject.name)), problems


def with_placeholders(caption: str, noun: str) -> str:
    """Return a caption with identifier and class noun where the noun first stands, if it does."""
    plain = caption.replace("{", "(").replace("}", ")")
    return re.sub(rf"\b{re.escape(noun)}\b", "{identifier} {class_noun}", plain, count=1, flags=re.IGNORECASE)
