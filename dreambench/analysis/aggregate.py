"""From scores per image to scores per subject: the mean over images first, then over subjects.

NaN is a missing score. It is left out of the means here, and ``coverage`` counts it (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pandas as pd

from dreambench.analysis.score_tables import IMAGE_SCORES, ScoreTables
from dreambench.spec.run_spec import METRICS

PHOTO_SCORES = ("dino", "clip_i")


def mean_by_subject(table: pd.DataFrame, score: str) -> pd.Series:
    """Return the mean of one score over each subject's rows, indexed by subject."""
    return table.groupby("subject")[score].mean()


def diversity_by_subject(diversity: pd.DataFrame) -> pd.Series:
    """Return DIV per subject: the mean over prompts of the mean LPIPS over a prompt's image pairs."""
    by_prompt = diversity.groupby(["subject", "prompt_index"])["lpips"].mean()
    return by_prompt.groupby("subject").mean()


def mean_over_subjects(values: pd.Series) -> float | None:
    """Return the mean of one value per subject, or None where no subject has one."""
    present = values.dropna().sort_index()
    return float(present.mean()) if len(present) else None


def subject_scores(tables: ScoreTables, metrics: Collection[str], subjects: Iterable[str]) -> pd.DataFrame:
    """Return one row per subject, in the order given, and one column per metric of ``METRICS``.

    A metric that is not in ``metrics`` (those of the run's protocol) is a column of NaN.
    """
    columns = {name: mean_by_subject(tables.images, name) for name in IMAGE_SCORES}
    columns["div"] = diversity_by_subject(tables.diversity)
    columns["pres"] = mean_by_subject(tables.prior, "pres")
    chosen = {name: column for name, column in columns.items() if name in metrics}
    return pd.DataFrame(chosen, dtype=float).reindex(index=list(subjects), columns=list(METRICS))


def photo_scores(tables: ScoreTables, metrics: Collection[str], subjects: Iterable[str]) -> pd.DataFrame:
    """Return the Real Images bound per subject: the mean DINO and CLIP-I over pairs of its photos."""
    columns = {name: mean_by_subject(tables.photos, name) for name in PHOTO_SCORES if name in metrics}
    return pd.DataFrame(columns, dtype=float).reindex(index=list(subjects), columns=list(PHOTO_SCORES))


def count_photos(photos: pd.DataFrame) -> int:
    """Return the number of photos behind the Real Images row: those in at least one pair."""
    pairs = pd.concat(
        [photos[["subject", side]].set_axis(["subject", "photo"], axis=1) for side in ("photo_a", "photo_b")]
    )
    return len(pairs.drop_duplicates())
