"""Which votes an interval draws together: those on one subject, whatever the prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dreambench.human.bradley_terry import strengths
from dreambench.human.correlation import Correlations, correlate
from dreambench.human.preference_table import preference_table
from dreambench.human.preferences import independent_unit, rated_images
from dreambench.human.score_files import ImageScores
from tests.human.material import RUNS, vote

SUBJECTS = tuple(f"subject-{i}" for i in range(12))
METRICS = ("dino", "clip_i")


def votes_on(subjects: int, prompts: int) -> pd.DataFrame:
    """Votes of three raters that depend on the subject alone: each of its prompts has the same answers."""
    rng = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    for subject in SUBJECTS[:subjects]:
        answers = rng.choice(("ours", "theirs", "undecided"), size=3, p=(0.5, 0.35, 0.15))
        for prompt in range(prompts):
            at = {"subject": subject, "prompt_index": prompt, "pair": f"{subject}-{prompt}"}
            at |= {f"image_{side}": f"images/{subject}/{prompt:02d}-0.png" for side in "ab"}
            rows += [vote(0, f"r{i}", answer) | at for i, answer in enumerate(answers)]
    return pd.DataFrame(rows)


def scores_of(prompts: int) -> ImageScores:
    """Scores that depend on subject and method alone, like the votes."""
    rng = np.random.default_rng(6)
    values = {(run, name): rng.normal(size=2) for run in RUNS for name in SUBJECTS}
    rows = {
        (run, f"images/{name}/{prompt:02d}-0.png"): dict(zip(METRICS, map(float, pair), strict=True))
        for (run, name), pair in values.items()
        for prompt in range(prompts)
    }
    return ImageScores(METRICS, rows)


def correlated(prompts: int) -> Correlations:
    return correlate(rated_images(votes_on(12, prompts), scores_of(prompts)), "votes.csv")


@pytest.mark.parametrize(("subjects", "unit"), [(9, "sample"), (10, "subject")])
def test_subjects_are_drawn_where_there_are_enough(subjects, unit):
    votes = votes_on(subjects, 5)
    assert independent_unit(votes) == unit
    few = votes[votes["subject"].isin(SUBJECTS[:9])].assign(study="prompt")
    assert independent_unit(pd.concat([votes, few])) == "sample"  # one table has one unit


def test_more_prompts_of_the_same_subjects_say_nothing_new_of_other_subjects():
    """Copies narrow an interval that treats prompts as independent, and leave one over subjects as it is."""
    once, copied = votes_on(12, 1), votes_on(12, 6)
    (before,), (after,) = preference_table(once), preference_table(copied)
    assert after.win_rate.ci95 == pytest.approx(before.win_rate.ci95)
    assert after.answers["ours"].ci95 == pytest.approx(before.answers["ours"].ci95)
    for one, six in zip(strengths(once), strengths(copied), strict=True):
        assert six.ci95 == pytest.approx(one.ci95, abs=1e-6)


def test_the_bootstrap_of_correlations_and_of_their_difference_draws_subjects():
    once, copied = correlated(1), correlated(6)
    assert once.resampled == copied.resampled == "subject"
    for one, six in zip(once.rows, copied.rows, strict=True):
        assert six.pearson.ci95_bootstrap == pytest.approx(one.pearson.ci95_bootstrap)
        assert six.pearson.ci95 != pytest.approx(one.pearson.ci95, abs=0.05)  # Fisher's counts images
    assert copied.paired[0].ci95_bootstrap == pytest.approx(once.paired[0].ci95_bootstrap)
    assert copied.paired[0].p_bootstrap == pytest.approx(once.paired[0].p_bootstrap)
    assert copied.upper_bound[0].pearson_ci95_bootstrap == pytest.approx(
        once.upper_bound[0].pearson_ci95_bootstrap
    )
