"""From rated images to correlations: of all methods pooled, and of each method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dreambench.human.correlation.coefficients import KINDS, coefficient, steiger, williams
from dreambench.human.correlation.rated_images import RatedImages
from dreambench.human.correlation.raters import agreement, upper_bound
from dreambench.human.correlation.resampling import (
    Draws,
    measured,
    one_sided_p,
    percentile_interval,
    resampled_coefficients,
    two_sided_p,
)
from dreambench.human.correlation.results import (
    CorrelationRow,
    Correlations,
    MetricComparison,
    PairedTest,
    Scope,
)
from dreambench.literature.published import published

# The paper's claim, section 4.3: DINO follows the raters better than CLIP-I does.
CLAIM = ("dino", "clip_i")
# The human scores of subject fidelity: ImagenHub's, and a user study's.
FIDELITY = ("sc", "subject")


def correlate(rated: Sequence[RatedImages], source: str) -> Correlations:
    """Correlate every metric with every human score: all methods pooled, and each method by itself.

    Several sets of rated images (the studies of subject and of prompt fidelity) are analyzed separately,
    and their rows are concatenated; ``n`` is then their sum. ``source`` names the data.
    """
    pooled = _join([_scope(images) for images in rated])
    names = sorted({method for images in rated for method in images.methods})
    methods = {
        name: _join([_scope(images.of_method(name)) for images in rated if name in images.methods])
        for name in names
    }
    metrics = tuple(dict.fromkeys(metric for images in rated for metric in images.metrics))
    quoted = published().agreement
    return Correlations(
        **dict(pooled),
        source=source,
        resampled=rated[0].unit if rated else "sample",
        metrics=metrics,
        humans=tuple(dict.fromkeys(human for images in rated for human in images.humans)),
        comparison=_comparison(pooled),
        left_out_by=dict(sum((Counter(images.left_out) for images in rated), Counter())),
        methods=methods,
        paper={metric: quoted[metric].pearson for metric in metrics if metric in quoted},
    )


def _comparison(pooled: Scope) -> MetricComparison | None:
    test = next((test for test in pooled.paired if test.human in FIDELITY), None)
    if test is None:
        return None
    return MetricComparison(
        difference=test.difference, ci95=test.ci95_bootstrap, p=test.p_bootstrap_two_sided
    )


def _join(scopes: Sequence[Scope]) -> Scope:
    return Scope(
        n=sum(scope.n for scope in scopes),
        left_out=sum(scope.left_out for scope in scopes),
        rows=tuple(row for scope in scopes for row in scope.rows),
        paired=tuple(test for scope in scopes for test in scope.paired),
        upper_bound=tuple(bound for scope in scopes for bound in scope.upper_bound),
        agreement=tuple(found for scope in scopes for found in scope.agreement),
    )


def _scope(rated: RatedImages) -> Scope:
    chosen = rated.only_complete()
    n = len(chosen.images)
    agreements = tuple(agreement(h, rated.ratings[h], rated.clusters) for h in rated.humans)
    if n == 0:
        return Scope(n=0, left_out=len(rated.images), agreement=agreements)
    draws = resampled_coefficients(
        {metric: chosen.values(metric) for metric in chosen.metrics},
        {human: chosen.values(human) for human in chosen.humans},
        chosen.clusters,
    )
    pairs = [(metric, human) for human in chosen.humans for metric in chosen.metrics]
    tests = [_paired(chosen, human, draws) for human in chosen.humans if set(CLAIM) <= set(chosen.metrics)]
    return Scope(
        n=n,
        left_out=len(rated.images) - n,
        rows=tuple(_row(chosen, metric, human, draws) for metric, human in pairs),
        paired=tuple(test for test in tests if test is not None),
        upper_bound=tuple(
            upper_bound(human, chosen.raters, chosen.ratings[human], chosen.clusters)
            for human in chosen.humans
        ),
        agreement=agreements,
    )


def _row(rated: RatedImages, metric: str, human: str, draws: Draws) -> CorrelationRow:
    x, y = rated.values(metric), rated.values(human)
    found = {kind: measured(kind, x, y, draws[metric, human][kind]) for kind in KINDS}
    return CorrelationRow(metric=metric, human=human, n=len(x), **found)


def _paired(rated: RatedImages, human: str, draws: Draws) -> PairedTest | None:
    """Compare the two metrics of the claim; None where one of the correlations is undefined."""
    a, b = (rated.values(metric) for metric in CLAIM)
    y, n = rated.values(human), len(rated.images)
    r_a, r_b, r_ab = (coefficient("pearson", *pair)[0] for pair in ((a, y), (b, y), (a, b)))
    if r_a is None or r_b is None or r_ab is None:
        return None
    z, t = steiger(r_a, r_b, r_ab, n), williams(r_a, r_b, r_ab, n)
    differences = draws[CLAIM[0], human]["pearson"] - draws[CLAIM[1], human]["pearson"]
    interval = percentile_interval(differences)
    return PairedTest(
        metric=CLAIM[0],
        other=CLAIM[1],
        human=human,
        n=n,
        difference=r_a - r_b,
        between=r_ab,
        ci95_bootstrap=interval,
        p_bootstrap=interval and one_sided_p(differences),
        p_bootstrap_two_sided=interval and two_sided_p(differences),
        steiger_z=z and z.statistic,
        steiger_p=z and z.p,
        steiger_p_two_sided=z and z.p_two_sided,
        williams_t=t and t.statistic,
        williams_df=t and t.df,
        williams_p=t and t.p,
        williams_p_two_sided=t and t.p_two_sided,
    )
