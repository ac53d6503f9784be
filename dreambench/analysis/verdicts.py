"""The verdict on every claim, from runs: holds, fails or undecided, with the effect and Holm's p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from dreambench.analysis.claim_sides import runs_of, scores_of, subject_means
from dreambench.analysis.claim_tests import Evidence, greater, groups, identity_by_class, not_lower
from dreambench.analysis.coverage import protocol_differences
from dreambench.analysis.embedding_similarities import photo_embeddings
from dreambench.analysis.paired import holm
from dreambench.analysis.run_scores import RunScores
from dreambench.errors import DreambenchError
from dreambench.literature.claims import PHOTOS, Claim, Claims, Decider, paper_claims
from dreambench.spec.frozen import Frozen

Verdict = Literal["holds", "fails", "undecided"]
ALPHA = 0.05
# The human scores of the subject, and what each covers.
_RATED = {
    "sc": "ImagenHub's semantic consistency, which covers subject and prompt together",
    "subject": "a user study's subject fidelity",
}


class ClaimVerdict(Frozen):
    """The verdict on a claim. ``p_holm`` is the p-value after Holm's correction over all tested claims.

    ``decided_by`` says what the verdict is based on: our runs, the photos alone, public data, or, in the
    miniature, its construction; only the first kind is evidence from runs. ``paper`` is the effect that the
    paper publishes. If nothing decides the claim, ``effect`` is None and ``why`` says what is missing.
    """

    id: str
    statement: str
    where: str
    verdict: Verdict
    decided_by: Decider
    paper: float | None = None
    effect: float | None = None
    ci95: tuple[float, float] | None = None
    p: float | None = None
    p_holm: float | None = None
    n: int = 0
    seeds: int = 0
    why: str = ""


def judge_claims(
    runs: Sequence[RunScores], rating: Mapping[str, Any] | None = None, claims: Claims | None = None
) -> list[ClaimVerdict]:
    """Judge every claim by runs of one protocol; ``rating`` is the output of ``correlate --json``.

    Raises DreambenchError where the runs were scored with different protocols.
    """
    for run in runs[1:]:
        if wrong := protocol_differences(runs[0].signature, run.signature):
            raise DreambenchError(
                f"{runs[0].label} and {run.label} differ in {'; '.join(wrong)}",
                "give runs of one protocol and one dataset",
            )
    known = claims or paper_claims()
    evidence = [_evidence(claim, known, runs, rating) for claim in known.claims]
    adjusted = holm([e.p if isinstance(e, Evidence) else None for e in evidence])
    return [
        _verdict(claim, found, p, _seeds(claim, known, runs), claim.decided_by(runs[0].signature))
        for claim, found, p in zip(known.claims, evidence, adjusted, strict=True)
    ]


def _evidence(
    claim: Claim, known: Claims, runs: Sequence[RunScores], rating: Mapping[str, Any] | None
) -> Evidence | str:
    if claim.test == "rating":
        return rating_evidence(rating)
    if claim.test == "identity":
        return _identity(runs)
    for name in (claim.first, claim.second):
        if name is not None and not runs_of(name, known, runs):
            return f"no run of {name} is given"
    if claim.test == "groups":
        found = _live_against_objects(claim, runs_of(claim.first, known, runs))
        return found or "too few live subjects or objects"
    ours, theirs = scores_of(claim, known, runs)
    if claim.test == "not-lower-by-more-than":
        tested = not_lower(ours, theirs, claim.margin)
    else:
        tested = greater(ours, theirs, 1 if claim.test == "greater" else -1)
    if tested is None:
        return f"the runs of {claim.first} and {claim.second} share no subject with {claim.metric}"
    if tested.n < claim.least:
        return f"{tested.n} subjects; at least {claim.least} decide (one training a subject is mostly noise)"
    return tested


def _live_against_objects(claim: Claim, runs: Sequence[RunScores]) -> Evidence | None:
    """Compare scores relative to each subject's own photos: those of a cat differ more than a can's."""
    metric = str(claim.metric)
    scores = subject_means(metric, runs) - subject_means(metric, runs, PHOTOS)
    images = pd.concat([run.tables.images[["subject", "category"]] for run in runs]).drop_duplicates()
    live = set(images.loc[images["category"] == "live", "subject"])
    inside = [value for subject, value in scores.items() if subject in live]
    return groups(inside, [value for subject, value in scores.items() if subject not in live])


def _identity(runs: Sequence[RunScores]) -> Evidence | str:
    # Of published runs, only one has the photos' embeddings.
    known = [(run, {kind: photo_embeddings(run, kind) for kind in ("dino", "clip")}) for run in runs]
    run, embedded = max(known, key=lambda each: min(map(len, each[1].values())))
    by_class = {kind: identity_by_class(rows, run.record.subjects) for kind, rows in embedded.items()}
    found = greater(by_class["dino"], by_class["clip"])
    return found or f"{run.label} has no photos of two subjects of one class that both encoders embedded"


def rating_evidence(rating: Mapping[str, Any] | None) -> Evidence | str:
    """Return what a ``correlate`` result says about DINO against CLIP-I, or why there is no evidence.

    Raises DreambenchError where the result lacks that test.
    """
    if rating is None:
        return "no result of `dreambench correlate` is given (--correlation FILE)"
    try:
        (test,) = [t for t in rating["paired"] if t["human"] in _RATED and t["metric"] == "dino"]
        # Steiger's test treats the images as independent, which those of one subject are not; only the
        # clustered bootstrap allows for that.
        effect, p, n = float(test["difference"]), float(test["p_bootstrap_two_sided"]), int(test["n"])
        low, high = map(float, test["ci95_bootstrap"])
        if not np.isfinite([effect, p, low, high]).all():
            raise ValueError("a number is not finite")
        if not (0 <= p <= 1 and low <= high and n > 0):
            raise ValueError("a number is out of range")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DreambenchError(
            "the correlation file contains no test of DINO against CLIP-I",
            "give what `dreambench correlate ... --json` printed",
        ) from error
    return Evidence(effect, (low, high), p, n, effect > 0, rated=_RATED[test["human"]])


def _seeds(claim: Claim, known: Claims, runs: Sequence[RunScores]) -> int:
    """Return the number of seeds behind a claim: that of its weaker side; none where no run decides it."""
    if claim.test in ("rating", "identity"):
        return 0
    sides = [name for name in (claim.first, claim.second) if name not in (None, PHOTOS)]
    return min(len({run.record.spec.seed for run in runs_of(name, known, runs)}) for name in sides)


def _verdict(
    claim: Claim, found: Evidence | str, p_holm: float | None, seeds: int, decider: Decider
) -> ClaimVerdict:
    statement = claim.statement + (f" ({found.rated})" if isinstance(found, Evidence) and found.rated else "")
    common: dict[str, Any] = {"id": claim.id, "statement": statement, "where": claim.where}
    common |= {"decided_by": decider, "paper": claim.paper}
    if isinstance(found, str):
        return ClaimVerdict(**common, verdict="undecided", why=found)
    verdict: Verdict = "undecided"
    if p_holm is not None and p_holm < ALPHA:
        verdict = "holds" if found.supports else "fails"
    return ClaimVerdict(
        **common,
        verdict=verdict,
        effect=found.effect,
        ci95=found.ci95,
        p=found.p,
        p_holm=p_holm,
        n=found.n,
        seeds=seeds,
    )
