"""The training loss of a run's subjects, thinned to the points that a figure can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.report.inline_svg import color_of, legend_above

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 80
TERMS = {"photo": "on the subject's photos", "prior": "on the class images"}


def losses_of(run: RunScores) -> pd.DataFrame:
    """Return the loss logs of all subjects of a run: subject, step, photo, prior, total.

    A run that trains nothing, or whose images were made elsewhere, has none: an empty frame.
    """
    logs = {name: run.folder.losses(name) for name in run.record.subjects}
    known = [log.assign(subject=name) for name, log in logs.items() if {"step", *TERMS} <= set(log.columns)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame()


def draw_losses(figure: Figure, scored: Sequence[RunScores]) -> None:
    """Draw one panel per term of the loss; a term that is always zero was not used and has no panel."""
    logs = [(position, run.label, losses_of(run)) for position, run in enumerate(scored)]
    terms = [term for term in TERMS if any(len(log) and log[term].abs().max() > 0 for _, _, log in logs)]
    panels = figure.subplots(1, max(1, len(terms)), squeeze=False)[0]
    for term, axes in zip(terms, panels, strict=False):
        for position, label, log in logs:
            if len(log):
                band = _binned(log, term)
                color = color_of(position)
                axes.fill_between(band.index, band["low"], band["high"], color=color, alpha=0.18, lw=0)
                axes.plot(band.index, band["middle"], color=color, lw=1.5, label=label)
        axes.set_title(TERMS[term].capitalize(), loc="left")
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
    if terms:
        legend_above(figure, panels[:1])


def _binned(log: pd.DataFrame, term: str) -> pd.DataFrame:
    """Return low, middle and high over subjects, each subject's steps averaged in ``POINTS`` bins."""
    width = max(1, -(-int(log["step"].max()) // POINTS))
    middle_of_bin = (log["step"] - 1) // width * width + (width + 1) / 2
    by_subject = log.groupby([middle_of_bin, log["subject"]])[term].mean()
    bins, shares = by_subject.groupby(level=0), {"low": 0.1, "middle": 0.5, "high": 0.9}
    return pd.DataFrame({name: bins.quantile(share) for name, share in shares.items()})
