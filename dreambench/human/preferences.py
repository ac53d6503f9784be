"""From votes to a normalized preference per image, and to the input of a correlation.

An image's score is the share of its pair's votes that it got. An undecided answer ("cannot determine, or
both equally") is half a vote for each image, so the two shares of a pair sum to 1, and 0.5 is indifference
(docs/correlation.md).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from dreambench.errors import DreambenchError
from dreambench.human.correlation import RatedImages
from dreambench.human.correlation.raters import TIE_DIGITS
from dreambench.human.correlation.results import Unit
from dreambench.human.score_files import ImageScores
from dreambench.human.votes import STUDIES

#: With fewer subjects, percentile intervals over them are even narrower than over samples (of r, they cover
#: 77 to 83% with 5 subjects; docs/correlation.md).
LEAST_SUBJECTS = 10
VALUES = {"a": 1.0, "undecided": 0.5, "b": 0.0}


def independent_unit(votes: pd.DataFrame, least: int = LEAST_SUBJECTS) -> Unit:
    """Return what intervals from votes resample: subjects, or samples where a study has fewer than ``least``.

    Raters may prefer a method for one subject and not for another, whatever the prompt, so that votes on one
    subject are not independent. Intervals over samples are about these subjects alone.
    """
    subjects = votes.groupby("study")["subject"].nunique()
    return "subject" if (subjects >= least).all() else "sample"


def sample_of(votes: pd.DataFrame) -> pd.Series:
    """Return each vote's sample: its subject and prompt."""
    return votes["subject"] + "/" + votes["prompt_index"].astype(str)


def image_votes(votes: pd.DataFrame) -> pd.DataFrame:
    """Return two rows per vote, one for each image, with its ``value``: 1 chosen, 0.5 undecided, 0 not.

    Columns: study, rater, pair, subject, sample (subject and prompt), method, file, value.
    """
    value = votes["answer"].map(VALUES)
    sample = sample_of(votes)
    sides = [
        votes[["study", "rater", "pair", "subject"]].assign(
            sample=sample, method=votes[f"method_{side}"], file=votes[f"image_{side}"], value=share
        )
        for side, share in (("a", value), ("b", 1 - value))
    ]
    return pd.concat(sides, ignore_index=True)


def rated_images(votes: pd.DataFrame, scores: ImageScores) -> list[RatedImages]:
    """Return the voted images of each study with their scores; the human score has the study's name.

    An image without scores stays in the table with NaN, and is counted. Raises DreambenchError where no
    image of any study has scores.
    """
    rows = image_votes(votes)
    studies = [study for study in STUDIES if (rows["study"] == study).any()]
    unit = independent_unit(votes)
    rated = [_study(rows[rows["study"] == study], study, scores, unit) for study in studies]
    if not any(images.complete.any() for images in rated):
        first = votes.iloc[0]
        raise DreambenchError(
            f"no image of the votes has scores (the first is {first['image_a']} of {first['method_a']})",
            "give --scores the runs that were voted on, under the names that the votes have as methods",
        )
    return rated


def _study(rows: pd.DataFrame, study: str, scores: ImageScores, unit: Unit) -> RatedImages:
    keys = ["sample", "subject", "pair", "method", "file"]
    table = rows.pivot(index=keys, columns="rater", values="value").sort_index()
    images = table.index.to_frame(index=False)
    ratings = table.to_numpy(dtype=float)
    images[study] = np.nanmean(ratings, axis=1).round(TIE_DIGITS)  # every image here has a vote
    found = [scores.find(m, f) for m, f in zip(images["method"], images["file"], strict=True)]
    for metric in scores.metrics:
        images[metric] = [np.nan if row is None else row[metric] for row in found]
    left_out = Counter(
        f"{'not in the scores' if row is None else 'a score is missing'}: {method}"
        for method, row in zip(images["method"], found, strict=True)
        if row is None or any(map(np.isnan, row.values()))
    )
    raters = tuple(str(name) for name in table.columns)
    return RatedImages(images, scores.metrics, (study,), raters, {study: ratings}, dict(left_out), unit)
