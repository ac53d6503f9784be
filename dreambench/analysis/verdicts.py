"""The verdict on every claim, from runs: holds, fails or undecided, with the effect and Holm's p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from dreambench.analysis.claim_tests import Evidence, greater, groups, identity_aucs, not_lower
from dreambench.analysis.embedding_similarities import photo_embeddings
from dreambench.analysis.paired import holm
from dreambench.analysis.run_scores import RunScores
from dreambench.errors import DreambenchError
from dreambench.literature.claims import PHOTOS, Claim, Claims, fits, paper_claims
from dreambench.spec.frozen import Frozen
from dreambench.spec.signature import parse_signature

Verdict = Literal["holds", "fails", "undecided"]
ALPHA = 0.05
# What may differ between the runs behind one verdict: how many images, and which.
_FREE = {"n", "cells"}
# The human scores of subject fidelity: ImagenHub's raters', and a user study's.
_FIDELITY = {"sc", "subject"}


class ClaimVerdict(Frozen):
    """The verdict on a claim. ``p_holm`` is the p-value after Holm's correction over all tested claims.

    Where no run decides the claim, ``effect`` is None and ``why`` says what is missing.
    """

    id: str
    statement: str
    where: str
    verdict: Verdict
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
    """Judge every claim by runs of one protocol; ``rating`` is what ``correlate --json`` printed.

    Raises DreambenchError where the runs were scored with different protocols.
    """
    _check_protocols(runs)
    known = claims or paper_claims()
    evidence = [_evidence(claim, known, runs, rating) for claim in known.claims]
    adjusted = holm([e.p if isinstance(e, Evidence) else None for e in evidence])
    return [
        _verdict(claim, found, p, _seeds(claim, known, runs))
        for claim, found, p in zip(known.claims, evidence, adjusted, strict=True)
    ]


def _check_protocols(runs: Sequence[RunScores]) -> None:
    fields = [{k: v for k, v in parse_signature(r.signature).items() if k not in _FREE} for r in runs]
    for run, theirs in zip(runs, fields, strict=True):
        wrong = [k for k in fields[0].keys() | theirs.keys() if fields[0].get(k) != theirs.get(k)]
        if wrong:
            raise DreambenchError(
                f"{runs[0].label} and {run.label} differ in {', '.join(sorted(wrong))}",
                "give runs of one protocol and one dataset",
            )


def _matching(name: str | None, known: Claims, runs: Sequence[RunScores]) -> list[RunScores]:
    if name is None or name == PHOTOS:
        return list(runs)
    return [run for run in runs if fits(run.record.spec.model_dump(mode="json"), known.runs[name])]


def _evidence(
    claim: Claim, known: Claims, runs: Sequence[RunScores], rating: Mapping[str, Any] | None
) -> Evidence | str:
    if claim.test == "rating":
        return rating_evidence(rating)
    first = _matching(claim.first, known, runs)
    if not first:
        return f"no run of {claim.first} is given"
    if claim.test == "groups":
        return _live_against_objects(claim, first) or "too few live subjects or objects"
    if claim.test == "identity":
        return _identity(first)
    second = _matching(claim.second, known, runs)
    if not second:
        return f"no run of {claim.second} is given"
    ours, theirs = _values(claim, first, second)
    if claim.test == "not-lower-by-more-than":
        found = not_lower(ours, theirs, claim.margin)
    else:
        found = greater(ours, theirs, 1 if claim.test == "greater" else -1)
    return found or f"the runs of {claim.first} and {claim.second} share no subject with {claim.metric}"


def _values(
    claim: Claim, first: Sequence[RunScores], second: Sequence[RunScores]
) -> tuple[pd.Series, pd.Series]:
    """Return both sides' scores by subject, from runs of the same prompts: those that most subjects have."""
    prompts_of = [{run.record.spec.prompts for run in side} for side in (first, second)]
    shared = prompts_of[0] & prompts_of[1] or prompts_of[0] | prompts_of[1]
    best: tuple[pd.Series, pd.Series] = (pd.Series(dtype=float), pd.Series(dtype=float))
    for prompts in sorted(shared):
        sides = [
            _mean_scores(claim, [r for r in side if r.record.spec.prompts == prompts], name)
            for side, name in ((first, claim.first), (second, claim.second))
        ]
        both = len(sides[0].index.intersection(sides[1].index))
        if both > len(best[0].index.intersection(best[1].index)):
            best = sides[0], sides[1]
    return best


def _mean_scores(claim: Claim, runs: Sequence[RunScores], name: str | None) -> pd.Series:
    """Return one score per unit: the mean over runs that differ in their seeds only."""
    metric = str(claim.metric)
    if name == PHOTOS:
        parts = [run.photos[metric].dropna() for run in runs if metric in run.photos]
    elif claim.unit == "prompt":
        parts = [run.tables.images.groupby(["subject", "prompt_index"])[metric].mean() for run in runs]
    else:
        parts = [run.subjects[metric].dropna() for run in runs]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.Series(dtype=float)
    joined = pd.concat(parts)
    return joined.groupby(level=list(range(joined.index.nlevels))).mean()


def _live_against_objects(claim: Claim, runs: Sequence[RunScores]) -> Evidence | None:
    scores = _mean_scores(claim, runs, claim.first)
    images = pd.concat([run.tables.images[["subject", "category"]] for run in runs]).drop_duplicates()
    live = set(images.loc[images["category"] == "live", "subject"])
    inside = [value for subject, value in scores.items() if subject in live]
    return groups(inside, [value for subject, value in scores.items() if subject not in live])


def _identity(runs: Sequence[RunScores]) -> Evidence | str:
    run = max(runs, key=lambda each: len(each.record.subjects))
    nouns = run.record.subjects
    areas = {kind: identity_aucs(photo_embeddings(run, kind), nouns) for kind in ("dino", "clip")}
    found = greater(areas["dino"], areas["clip"])
    return found or f"{run.label} has no photos of two subjects of one class that both encoders embedded"


def rating_evidence(rating: Mapping[str, Any] | None) -> Evidence | str:
    """Return what a ``correlate`` result says about DINO against CLIP-I, or why there is no evidence.

    Raises DreambenchError where the result lacks that test.
    """
    if rating is None:
        return "no result of `dreambench correlate` is given (--correlation FILE)"
    try:
        (test,) = [t for t in rating["paired"] if t["human"] in _FIDELITY and t["metric"] == "dino"]
        effect, p, n = float(test["difference"]), float(test["steiger_p_two_sided"]), int(test["n"])
        low, high = map(float, test["ci95_bootstrap"])
        if not np.isfinite([effect, p, low, high]).all():
            raise ValueError("a number is not finite")
    except (KeyError, TypeError, ValueError) as error:
        raise DreambenchError(
            "the correlation file contains no test of DINO against CLIP-I",
            "give what `dreambench correlate ... --json` printed",
        ) from error
    return Evidence(effect, (low, high), p, n, effect > 0)


def _seeds(claim: Claim, known: Claims, runs: Sequence[RunScores]) -> int:
    """Return the number of seeds behind a claim: that of its weaker side."""
    if claim.test == "rating":
        return 0
    sides = [name for name in (claim.first, claim.second) if name is not None]
    return min(len({run.record.spec.seed for run in _matching(name, known, runs)}) for name in sides)


def _verdict(claim: Claim, found: Evidence | str, p_holm: float | None, seeds: int) -> ClaimVerdict:
    common = {"id": claim.id, "statement": claim.statement, "where": claim.where}
    if isinstance(found, str):
        return ClaimVerdict(**common, verdict="undecided", why=found)
    verdict: Verdict = "undecided"
    if p_holm is not None and p_holm < ALPHA:
        verdict = "holds" if found.supports else "fails"
    # The one-sided test cannot show a failure; an interval that is wholly beyond the margin can.
    if claim.test == "not-lower-by-more-than":
        verdict = "holds" if verdict == "holds" else "undecided"
        if found.ci95 and found.ci95[1] < -claim.margin:
            verdict = "fails"
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
