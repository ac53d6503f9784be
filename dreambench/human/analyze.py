"""The two analyses of human judgment: of the public ImagenHub ratings, and of votes on your own images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dreambench.dataset.pinned_files import IMAGENHUB_JUDGES
from dreambench.human.bradley_terry import strengths
from dreambench.human.correlation import Correlations, RatedImages, correlate
from dreambench.human.correlation.ranking import Rankings, rank_task
from dreambench.human.imagenhub import read_imagenhub
from dreambench.human.imagenhub_tasks import read_tasks
from dreambench.human.preference_table import paper_preferences, preference_table
from dreambench.human.preferences import rated_images
from dreambench.human.score_files import read_image_scores
from dreambench.human.votes import read_votes


def analyze_imagenhub(folder: Path | None = None) -> tuple[Correlations, list[RatedImages]]:
    """Correlate DINO and CLIP-I with the ImagenHub ratings; None stands for the downloaded copy.

    Returns the results and the images behind them. Raises DreambenchError for data that cannot be read.
    """
    rated, source = read_imagenhub(folder)
    return correlate([rated], source), [rated]


def rank_imagenhub(folder: Path | None, tasks: str, judges: str) -> Rankings:
    """Rank metrics and vision-language judges by how well they follow the raters of ImagenHub's tasks.

    ``tasks`` and ``judges`` are names with commas, or ``all``. Raises DreambenchError for an unknown name,
    and for data that cannot be read.
    """
    found = tuple(rank_task(rated) for rated in read_tasks(folder, tasks, judges))
    return Rankings(source=IMAGENHUB_JUDGES.label, tasks=found)


def analyze_votes(scores: Sequence[Path], votes: Path) -> tuple[Correlations, list[RatedImages]]:
    """Correlate the scores of your own images with the votes on them, and count the raters' preferences.

    Returns the results and the images behind them. Raises DreambenchError for data that cannot be read.
    """
    cast = read_votes(votes)
    rated = rated_images(cast, read_image_scores(scores))
    found = correlate(rated, votes.name)
    fitted = strengths(cast)
    unfit = dict.fromkeys(row.study for row in fitted if row.strength is None)
    why = "no finite Bradley-Terry fit, because a method won or lost everything"
    notes = ["an undecided answer counts as half a vote for each image"]
    notes += [f"{study}: {why}" for study in unfit]
    added = {
        "preferences": preference_table(cast),
        "strengths": fitted,
        "paper_preferences": {study: dict(values) for study, values in paper_preferences().items()},
        "notes": tuple(notes),
    }
    return found.model_copy(update=added), rated
