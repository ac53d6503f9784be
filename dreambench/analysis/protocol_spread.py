"""The same images under several protocols: how far apart a method's scores are, on one scale."""

from __future__ import annotations

from collections.abc import Mapping

from dreambench.analysis.summary import Score, Summary
from dreambench.spec.registries import in_table_order
from dreambench.spec.signature import scale_of


def scores_by_protocol(summaries: Mapping[str, Summary], row: int) -> dict[str, dict[str, Score]]:
    """Return the scores of the summaries' row ``row`` (0: the real photos) by protocol and metric."""
    return {name: summary.rows[row].computed for name, summary in summaries.items()}


def unscaled(score: Score, signature: str, metric: str) -> Score:
    """Return a score without its protocol's scale: x 100 and x 2.5 are divided out."""
    factor = scale_of(signature, metric)
    ci95 = score.ci95 and (score.ci95[0] / factor, score.ci95[1] / factor)
    return Score(mean=score.mean / factor, ci95=ci95)


def protocol_spreads(summaries: Mapping[str, Summary]) -> dict[tuple[str, str], float]:
    """Return the highest minus the lowest score by method and metric, without the protocols' scales.

    Only metrics that at least two protocols have are in it.
    """
    found = {}
    first = next(iter(summaries.values()))
    for position, row in enumerate(first.rows[1:], start=1):
        scores = scores_by_protocol(summaries, position)
        for metric in in_table_order(name for own in scores.values() for name in own):
            values = [
                unscaled(own[metric], summaries[name].signature, metric).mean
                for name, own in scores.items()
                if metric in own
            ]
            if len(values) > 1:
                found[row.method, metric] = max(values) - min(values)
    return found
