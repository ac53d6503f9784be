"""The draw: which pairs are asked, in which questionnaires, in which order and on which side.

The same cells, sizes and seed give the same draw. Nothing here reads or writes a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from dreambench.errors import DreambenchError
from dreambench.study.candidates import CommonCell
from dreambench.study.study_plan import AttentionCheck, Pair, Rater, Step, StudyName


@dataclass(frozen=True)
class Sizes:
    """How large a study is; the defaults are the paper's (section 4.2): 600 pairs, 1,800 answers.

    ``raters`` is per questionnaire; ``checks`` are the attention checks in each questionnaire.
    """

    questionnaires: int = 24
    questions: int = 25
    raters: int = 3
    checks: int = 0

    @property
    def pairs(self) -> int:
        """The number of pairs that one study asks about."""
        return self.questionnaires * self.questions


#: Returns the name of the picture of a file in the study.
NamePicture = Callable[[str], str]


def draw_pairs(
    cells: Sequence[CommonCell],
    study: StudyName,
    sizes: Sizes,
    seed: int,
    name_a: NamePicture,
    name_b: NamePicture,
) -> list[Pair]:
    """Draw as many different cells as the study has questions, and one image per run in each.

    ``name_a`` and ``name_b`` are for the runs' files. Raises DreambenchError where there are too few cells.
    """
    if len(cells) < sizes.pairs:
        fit = f"--questionnaires {len(cells) // sizes.questions}"
        if len(cells) < sizes.questions:
            fit = f"--questionnaires 1 --questions {len(cells)}"
        raise DreambenchError(
            f"the runs share {len(cells)} cells (subject and prompt), but {sizes.questionnaires} "
            f"questionnaires of {sizes.questions} questions need {sizes.pairs}",
            f"give {fit}" if cells else "name runs of the same subjects",
        )
    rng = Random(f"pairs/{seed}/{study}")
    pairs = []
    for number, cell in enumerate(rng.sample(list(cells), sizes.pairs)):
        file_a, file_b = rng.choice(cell.files_a), rng.choice(cell.files_b)
        pairs.append(
            Pair(
                name=f"{study}-{number:04d}",
                study=study,
                questionnaire=number // sizes.questions + 1,
                subject=cell.subject,
                prompt_index=cell.prompt_index,
                text=cell.text,
                file_a=file_a,
                file_b=file_b,
                picture_a=name_a(file_a),
                picture_b=name_b(file_b),
            )
        )
    return pairs


def draw_checks(
    subjects: Mapping[str, tuple[str, Sequence[str]]],
    study: StudyName,
    sizes: Sizes,
    seed: int,
    name: NamePicture,
) -> list[AttentionCheck]:
    """Draw attention checks; ``subjects`` maps a name to its class noun and its photos.

    The other photo is of another class noun, so that one answer is clearly right. In the subject study,
    the photo in question is left out of the references, so its subject needs two photos. Raises
    DreambenchError where there are no such subjects.
    """
    if not sizes.checks:
        return []
    needed = 2 if study == "subject" else 1
    names = sorted(name for name, (_, photos) in subjects.items() if len(photos) >= needed)
    nouns = {noun for noun, photos in subjects.values() if photos}
    if not names or len(nouns) < 2:
        raise DreambenchError(
            f"--checks {sizes.checks}: attention checks need subjects of two class nouns, "
            f"with at least {needed} photos",
            "leave --checks out",
        )
    rng = Random(f"checks/{seed}/{study}")
    drawn = []
    for number in range(sizes.checks * sizes.questionnaires):
        subject = rng.choice(names)
        noun, photos = subjects[subject]
        strangers = [photo for other, some in sorted(subjects.values()) if other != noun for photo in some]
        photo, stranger = rng.choice(list(photos)), rng.choice(strangers)
        others = [other for other in photos if other != photo] if study == "subject" else []
        drawn.append(
            AttentionCheck(
                name=f"{study}check-{number:04d}",
                study=study,
                questionnaire=number // sizes.checks + 1,
                subject=subject,
                text=f"a {noun}",
                picture_a=name(photo),
                picture_b=name(stranger),
                photos=tuple(map(name, others)),
            )
        )
    return drawn


def draw_raters(
    items: Sequence[Pair | AttentionCheck], study: StudyName, sizes: Sizes, seed: int
) -> list[Rater]:
    """Return a study's raters, each with the items of one questionnaire in a random order, on random sides.

    If all raters of a pair saw the same sides, a habit of pressing A would decide the majority.
    """
    rng = Random(f"raters/{seed}/{study}")
    raters = []
    for questionnaire in range(1, sizes.questionnaires + 1):
        names = [i.name for i in items if (i.study, i.questionnaire) == (study, questionnaire)]
        for number in range(1, sizes.raters + 1):
            order = rng.sample(names, len(names))
            steps = tuple(Step(item=name, swapped=rng.random() < 0.5) for name in order)
            name = f"{study}-{questionnaire:02d}-{number}"
            raters.append(Rater(name=name, study=study, questionnaire=questionnaire, steps=steps))
    return raters
