"""How well similarities tell a subject from others of its class: the area under the ROC curve of each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def identity_areas(pairs: Sequence[tuple[int, int, float]], owner: Sequence[str]) -> pd.Series:
    """Return, per subject, the chance that a pair of its photos scores higher than one with a stranger.

    ``pairs`` are (i, j, score) of the photos of one class, ``owner`` has each photo's subject. A subject's
    own pairs are compared with the pairs of one of its photos and one of another subject's; pairs of two
    other subjects say nothing of it. That is how a score is used: an image is compared with the photos of
    its subject, and with nobody else's. 0.5 is chance, 1 is always, and a tie is half. Subjects with fewer
    than two photos, or without another one in their class, are omitted.

    The area over all pairs of a class at once is another number: there, one subject's pairs are also
    compared with the pairs of two others, and a subject with more photos counts for more.

    Source: Mann and Whitney 1947: U over the number of comparisons.
    """
    from scipy.stats import mannwhitneyu

    areas: dict[str, float] = {}
    for subject in dict.fromkeys(owner):
        same: list[float] = []
        different: list[float] = []
        for i, j, score in pairs:
            sides = (owner[i] == subject) + (owner[j] == subject)
            if sides:
                (same if sides == 2 else different).append(score)
        if same and different:
            # Only the statistic is used: the p-value is cheapest so.
            tested = mannwhitneyu(same, different, method="asymptotic")
            areas[subject] = float(tested.statistic / (len(same) * len(different)))
    return pd.Series(areas, dtype=float)
