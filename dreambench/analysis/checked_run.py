"""The scores of a run that is fit to be checked: complete, and without a gap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError

if TYPE_CHECKING:
    import pandas as pd

    from dreambench.analysis.run_scores import RunScores


def subject_means(run: RunScores) -> pd.DataFrame:
    """Return one row per subject and one column per metric that the run has; no cell is NaN.

    Raises DreambenchError for a run that is not complete, for unscored images, and for a metric that
    some subjects lack: a mean over fewer images is no regression, and must not pass for a sound one.
    """
    path, record = run.folder.path, run.record
    if record.status != "complete":
        raise DreambenchError(
            f"{path}: the run is not complete ({record.status})", "finish it with the same command"
        )
    if run.coverage.unscored:
        raise DreambenchError(
            f"{path}: {run.coverage.unscored} of its images are not scored",
            "a check needs all of them: finish the run, or add the missing images",
        )
    means = run.subjects.dropna(axis="columns", how="all")
    for metric in means.columns:
        absent = [str(name) for name in means.index[means[metric].isna()]]
        if absent:
            raise DreambenchError(
                f"{path}: {metric} is missing for {', '.join(absent[:5])}", "score the run again"
            )
    if means.empty:
        raise DreambenchError(f"{path} has no scores", "score the run first")
    return means
