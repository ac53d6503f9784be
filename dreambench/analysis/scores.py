"""Scores as data frames, for notebooks and programs: one run by one protocol."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from pathlib import Path

import pandas as pd

from dreambench.analysis.paired import run_differences
from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.analysis.summarize import summary_of
from dreambench.analysis.summary import Score, Summary
from dreambench.spec.registries import get_metric
from dreambench.spec.signature import MINIATURE_NOTE, is_miniature
from dreambench.store import RunFolder, open_run


@dataclass(frozen=True)
class Scores:
    """The scores of one run folder: tables per method, subject and image, and the signature.

    A missing score is NaN. ``run`` is the folder that they were read from.
    """

    run: RunFolder

    @cached_property
    def _read(self) -> RunScores:
        return read_run_scores([self.run])[0]

    @cached_property
    def summary(self) -> Summary:
        """The summary that ``dreambench report --json`` prints, with the Real Images row."""
        return summary_of([self._read])

    @property
    def signature(self) -> str:
        """The line that says how the numbers were made: results are comparable only if it is equal."""
        return self._read.signature

    @property
    def protocols(self) -> dict[str, Scores]:
        """The scores of the same images by protocol name, if there are several protocols; otherwise empty."""
        return {name: Scores(self.run.of_protocol(name)) for name in self.run.record.protocols}

    @property
    def table(self) -> pd.DataFrame:
        """One row, the method: per metric its mean over subjects and both ends of the 95% interval.

        Columns: ``n_images``, then for each metric ``NAME``, ``NAME_low`` and ``NAME_high``.
        """
        row = self.summary.rows[1]
        cells: dict[str, object] = {"n_images": row.n_images}
        for name, score in row.computed.items():
            low, high = score.ci95 or (math.nan, math.nan)
            cells |= {name: score.mean, f"{name}_low": low, f"{name}_high": high}
        return pd.DataFrame([cells], index=pd.Index([row.method], name="method"))

    @property
    def subjects(self) -> pd.DataFrame:
        """One row per subject: its mean by each metric that was computed."""
        return self._read.subjects.dropna(axis="columns", how="all")

    @property
    def images(self) -> pd.DataFrame:
        """One row per requested image, with its prompt, its file and its scores."""
        return self._read.tables.images.copy()

    def __repr__(self) -> str:
        return "\n".join([self._in_words().to_string(), *self._lines_below()])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        below = "".join(f"<p><code>{escape(line)}</code></p>" for line in self._lines_below())
        return self._in_words().to_html() + below

    def _in_words(self) -> pd.DataFrame:
        row = self.summary.rows[1]
        cells = {get_metric(name).heading: _in_words(score) for name, score in row.computed.items()}
        return pd.DataFrame([{**cells, "images": f"{row.n_images:,}"}], index=[row.method])

    def _lines_below(self) -> list[str]:
        return [self.signature, *([f"{MINIATURE_NOTE}."] if is_miniature(self.signature) else [])]


def _in_words(score: Score) -> str:
    interval = f" [{score.ci95[0]:.3f}, {score.ci95[1]:.3f}]" if score.ci95 else ""
    return f"{score.mean:.3f}{interval}"


def load(folder: str | Path) -> Scores:
    """Return the scores of a run folder. Raises DreambenchError where it contains no run."""
    scores = Scores(open_run(Path(folder)))
    _ = scores.signature  # a damaged table is an error here, not later
    return scores


def compare(first: Scores | str | Path, second: Scores | str | Path) -> pd.DataFrame:
    """Return the paired differences of two runs over their common subjects, ``first`` minus ``second``.

    Each is ``Scores``, or a run's folder.

    One row per metric that both have: ``mean``, the 95% bootstrap interval over subjects (``low``, ``high``),
    ``p`` of the two-sided sign-flip permutation test, ``p_holm`` after Holm's correction over the rows, ``n``
    subjects, and ``above``, how many of them have a positive difference; what few subjects do not have is
    NaN, as is ``p`` where images show two subjects and pairs share one. A subject counts by its images where
    the protocol averages over images. Raises DreambenchError where the signatures differ, naming the fields.
    """
    runs = [each if isinstance(each, Scores) else load(each) for each in (second, first)]
    scored = read_run_scores([each.run for each in runs])
    summary_of(scored)  # refuses runs of different signatures
    rows = []
    for found in run_differences(scored):
        low, high = found.ci95 or (math.nan, math.nan)
        rows.append({**asdict(found), "low": low, "high": high})
    columns = ["metric", "mean", "low", "high", "p", "p_holm", "n", "above"]
    return pd.DataFrame(rows, columns=columns).set_index("metric").astype({"p": float, "p_holm": float})
