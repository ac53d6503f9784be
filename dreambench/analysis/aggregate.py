"""From scores per image to scores per subject: the mean over images first, then over subjects.

NaN is a missing score. It is left out of the means here, and ``coverage`` counts it (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pandas as pd

from dreambench.analysis.score_tables import ScoreTables
from dreambench.spec.metric import SCORE_TABLES, Metric
from dreambench.spec.registries import get_metric, in_table_order, metrics_that_compare, standard_metrics


def mean_over_subjects(values: pd.Series) -> float | None:
    """Return the mean of one value per subject, or None where no subject has one."""
    present = values.dropna().sort_index()
    return float(present.mean()) if len(present) else None


def subject_scores(tables: ScoreTables, metrics: Collection[str], subjects: Iterable[str]) -> pd.DataFrame:
    """Return one row per subject, in the order given, and one column per metric, in table order.

    The columns are the standard metrics and those in ``metrics`` (the protocol's). A standard metric that the
    protocol omits is a column of NaN.
    """
    columns = in_table_order({*standard_metrics(), *metrics})
    chosen = {name: _by_subject(tables, get_metric(name)) for name in columns if name in metrics}
    return pd.DataFrame(chosen, dtype=float).reindex(index=list(subjects), columns=list(columns))


def _by_subject(tables: ScoreTables, metric: Metric) -> pd.Series:
    if metric.compares == "pairs":  # the mean over prompts of the mean over a prompt's pairs of images
        by_prompt = tables.diversity.groupby(["subject", "prompt_index"])[metric.column].mean()
        return by_prompt.groupby("subject").mean()
    table = {"prior": tables.prior, "base": tables.drift}.get(metric.compares, tables.images)
    return table.groupby("subject")[metric.column].mean()


def weighted_by_images(subjects: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return scores per subject whose mean is the mean over all images, for metrics of single images.

    A subject with more images has more weight. The scores' spread is that of a ratio estimator (Cochran
    1977, section 2.9: the mean plus the weighted residuals), so their interval is that of the mean over
    images. If all subjects have the same number of images, nothing changes.
    """
    weighted = subjects.copy()
    for name in subjects.columns:
        counts = image_counts(images, name)
        if counts is not None and subjects[name].notna().any():
            counts = counts.reindex(subjects.index)
            weights = (counts / counts[subjects[name].notna()].mean()).where(subjects[name].notna())
            mean = (weights * subjects[name]).mean()
            weighted[name] = mean + weights * (subjects[name] - mean)
    return weighted


def image_counts(images: pd.DataFrame, metric: str) -> pd.Series | None:
    """Return how many images of each subject have a score; None for a metric of pairs or of other images."""
    if get_metric(metric).compares not in SCORE_TABLES["images"]:
        return None
    return images.groupby("subject")[metric].count()


def photo_scores(tables: ScoreTables, metrics: Collection[str], subjects: Iterable[str]) -> pd.DataFrame:
    """Return the Real Images bound per subject: the mean over pairs of its photos, by the photo metrics."""
    bounds = photo_metrics(metrics)
    means = tables.photos.groupby("subject")[[name for name in bounds if name in metrics]].mean()
    return means.reindex(index=list(subjects), columns=bounds)


def photo_metrics(asked: Iterable[str] = ()) -> list[str]:
    """Return the names of the metrics with a Real Images bound: those that compare an image with photos."""
    return [metric.name for metric in metrics_that_compare(["photos"], asked)]


def count_photos(photos: pd.DataFrame) -> int:
    """Return the number of photos behind the Real Images row: those in at least one pair."""
    pairs = pd.concat(
        [photos[["subject", side]].set_axis(["subject", "photo"], axis=1) for side in ("photo_a", "photo_b")]
    )
    return len(pairs.drop_duplicates())
