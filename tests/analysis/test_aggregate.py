"""Scores per subject: DIV's two means, images that lack a score, weights, and the order of a sum."""

from __future__ import annotations

import math
from functools import reduce
from itertools import permutations
from operator import add

import pandas as pd
import pytest

from dreambench.analysis.aggregate import image_counts, mean_over_subjects, subject_scores, weighted_by_images
from dreambench.analysis.score_tables import ScoreTables

EMPTY = pd.DataFrame({"subject": []})


def test_div_is_the_mean_and_not_the_median_of_a_prompts_pairs() -> None:
    pairs = [("ant", 0, 0.1), ("ant", 0, 0.2), ("ant", 0, 0.9), ("ant", 1, 0.5)]
    tables = ScoreTables(
        EMPTY, pd.DataFrame(pairs, columns=["subject", "prompt_index", "lpips"]), EMPTY, EMPTY
    )
    assert subject_scores(tables, ["div"], ["ant"])["div"].tolist() == pytest.approx([(0.4 + 0.5) / 2])


def test_the_mean_over_subjects_has_the_same_bits_in_any_order() -> None:
    values = {"ant": 0.1, "bee": 0.2, "cat": 0.3, "dog": 1e-17, "emu": 0.7}
    one_by_one = {reduce(add, (values[name] for name in order)) for order in permutations(values)}
    assert len(one_by_one) > 1
    means = {mean_over_subjects(pd.Series({n: values[n] for n in order})) for order in permutations(values)}
    assert len(means) == 1


def test_weights_are_the_images_that_have_the_score() -> None:
    rows = [("ant", 0.4), ("bee", 0.5), ("bee", 0.7), ("bee", math.nan), ("cat", math.nan)]
    images = pd.DataFrame(rows, columns=["subject", "dino"])
    assert image_counts(images, "dino").to_dict() == {"ant": 1, "bee": 2, "cat": 0}
    subjects = images.groupby("subject")[["dino"]].mean()
    weighted = weighted_by_images(subjects, images)["dino"]
    mean = (0.4 + 0.5 + 0.7) / 3  # over the images with a score
    assert weighted.mean() == pytest.approx(mean, abs=1e-12)
    # Cochran: the mean plus each subject's residual times its images over the mean number of images, 1.5.
    expected = [mean + (0.4 - mean) * 1 / 1.5, mean + (0.6 - mean) * 2 / 1.5]
    assert weighted[["ant", "bee"]].tolist() == pytest.approx(expected, abs=1e-12)
    assert math.isnan(weighted["cat"])
