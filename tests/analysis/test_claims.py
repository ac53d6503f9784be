"""The claims: conditions, statistics by hand, verdicts from runs built by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dreambench.analysis.claim_tests import groups, identity_aucs, not_lower
from dreambench.analysis.run_scores import read_run_scores
from dreambench.analysis.verdicts import judge_claims
from dreambench.errors import DreambenchError
from dreambench.literature.claims import Claim, Claims, fits, paper_claims
from dreambench.spec.run_spec import ProtocolSpec
from tests.analysis.material import image_row, make_run, make_spec

NAMES = [f"s{i:02d}" for i in range(12)]


def test_not_lower_by_more_than_a_margin() -> None:
    first = pd.Series(np.linspace(0.5, 0.6, 12), index=NAMES)
    close, far = not_lower(first, first + 0.01, 0.05), not_lower(first, first + 0.2, 0.05)
    assert close is not None
    assert far is not None
    assert (close.supports, far.supports) == (True, False)
    assert close.p == pytest.approx(1 / 2**12)
    assert far.p == pytest.approx(1 - 1 / 2**12)
    assert close.effect == pytest.approx(-0.01)


def test_groups_by_hand() -> None:
    """Means 2 and 0 of two each: of the six ways to choose two of four, one is as high, one as low."""
    found = groups([2, 2], [0, 0])
    assert found is not None
    assert found.effect == 2
    assert found.p == pytest.approx(2 / 6)
    assert groups([1], [0, 0]) is None


def test_identity_auc_by_hand() -> None:
    """a's photos agree (cosine 1) and b's do not (0); across, half of a pairs with b's first photo."""
    a, b = np.array([[1.0, 0], [1, 0]]), np.array([[1.0, 0], [0, 1]])
    areas = identity_aucs({"a": a, "b": b, "c": a}, {"a": "dog", "b": "dog", "c": "cat"})
    # a: same 1 against 1, 0, 1, 0: wins twice, ties twice. b: same 0 against the same four.
    assert areas.to_dict() == {"a": 0.75, "b": 0.25}


def test_identity_auc_is_the_share_of_pairs_that_are_in_order() -> None:
    rng = np.random.default_rng(0)
    own, other = rng.normal(size=(5, 8)), rng.normal(size=(4, 8))
    areas = identity_aucs({"a": own, "b": other}, {"a": "dog", "b": "dog"})

    def cosine(x: np.ndarray, y: np.ndarray) -> float:
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    same = [cosine(own[i], own[j]) for i in range(5) for j in range(i)]
    across = [cosine(x, y) for x in own for y in other]
    wins = sum(s > d for s in same for d in across)
    assert areas["a"] == pytest.approx(wins / (len(same) * len(across)), abs=1e-12)


def test_conditions() -> None:
    fields = {"method": {"name": "x", "steps": 3}, "training_photos": None, "identifier": {"text": "dog"}}
    assert fits(fields, {"method.name": "x", "training_photos": None, "identifier.text": "*"})
    assert not fits(fields, {"method.name": "y"})
    assert not fits(fields, {"training_photos": "*"})
    assert not fits(fields, {"method.prior_preservation": True})


def test_the_papers_claims_are_well_formed() -> None:
    known = paper_claims()
    assert len({claim.id for claim in known.claims}) == len(known.claims) >= 15
    with pytest.raises(ValueError, match="nobody is not a key of runs"):
        Claims(
            source="",
            runs={},
            claims=(Claim(id="x", statement="", where="", test="greater", first="nobody"),),
        )


def _claims() -> Claims:
    runs = {"ours": {"method.steps": 3}, "theirs": {"method.steps": 4}, "absent": {"method.steps": 5}}
    common = {"where": "here", "metric": "dino"}
    return Claims(
        source="",
        runs=runs,
        claims=(
            Claim(id="up", statement="up", test="greater", first="ours", second="theirs", **common),
            Claim(id="down", statement="down", test="less", first="ours", second="theirs", **common),
            Claim(id="open", statement="open", test="greater", first="ours", second="absent", **common),
        ),
    )


def _run(path: Path, steps: int, dino: float, seed: int = 0):
    spec = make_spec(method={"name": "test-method", "steps": steps}, seed=seed)
    rows = [
        image_row(name, prompt, image, (dino + 0.01 * i, 0.5, 0.3))
        for i, name in enumerate(NAMES)
        for prompt in (0, 1)
        for image in (0, 1)
    ]
    return make_run(path, rows, spec=spec, subjects=NAMES)


def test_verdicts_effects_and_seeds(tmp_path: Path) -> None:
    runs = read_run_scores(
        [_run(tmp_path / "a", 3, 0.6), _run(tmp_path / "b", 3, 0.8, seed=1), _run(tmp_path / "c", 4, 0.5)]
    )
    up, down, undecided = judge_claims(runs, claims=_claims())
    assert (up.verdict, down.verdict, undecided.verdict) == ("holds", "fails", "undecided")
    assert up.effect == pytest.approx(0.2)  # the two seeds' mean, 0.7, against 0.5
    assert (up.n, up.seeds) == (12, 1)  # a claim has the seeds of its weaker side
    assert up.p is not None
    assert up.p_holm == pytest.approx(2 * up.p)
    assert undecided.why == "no run of absent is given"
    runs += read_run_scores([_run(tmp_path / "d", 4, 0.5, seed=1)])
    assert judge_claims(runs, claims=_claims())[0].seeds == 2


def test_runs_of_two_protocols_are_refused(tmp_path: Path) -> None:
    other = make_spec(protocol=ProtocolSpec(caption="identifier"))
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6), make_run(tmp_path / "b", [], spec=other)])
    with pytest.raises(DreambenchError, match="differ in clip-t"):
        judge_claims(runs, claims=_claims())


def test_the_claim_about_people_is_judged_by_a_correlation(tmp_path: Path) -> None:
    claims = Claims(source="", runs={}, claims=(Claim(id="x", statement="", where="", test="rating"),))
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6)])
    test = {"metric": "dino", "human": "sc", "difference": 0.17, "n": 600}
    test |= {"steiger_p_two_sided": 1e-12, "ci95_bootstrap": [0.12, 0.22]}
    (verdict,) = judge_claims(runs, {"paired": [test, {**test, "human": "pq"}]}, claims)
    assert (verdict.verdict, verdict.effect, verdict.n, verdict.ci95) == ("holds", 0.17, 600, (0.12, 0.22))
    with pytest.raises(DreambenchError, match="no test of DINO against CLIP-I"):
        judge_claims(runs, {"paired": []}, claims)
    with pytest.raises(DreambenchError, match="no test of DINO against CLIP-I"):
        judge_claims(runs, {"paired": [{**test, "difference": float("nan")}]}, claims)
    assert "no result of" in judge_claims(runs, None, claims)[0].why
