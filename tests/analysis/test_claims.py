"""The claims: conditions, and verdicts from runs built by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dreambench.analysis.run_scores import read_run_scores
from dreambench.analysis.verdicts import judge_claims
from dreambench.cli.paper_commands import run_folders
from dreambench.errors import DreambenchError
from dreambench.literature.claims import Claim, Claims, fits, paper_claims
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.run_spec import BaseSpec
from tests.analysis.material import image_row, make_run, make_spec

pytestmark = pytest.mark.slow

NAMES = [f"s{i:02d}" for i in range(12)]


def test_conditions() -> None:
    fields = {"method": {"name": "x", "steps": 3}, "training_photos": None, "identifier": {"text": "dog"}}
    assert fits(fields, {"method.name": "x", "training_photos": None, "identifier.text": "dog"})
    assert not fits(fields, {"method.name": "y"})
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


def _run(path: Path, steps: int, dino: float, seed: int = 0, kind: str = "run", names=NAMES, **changes: Any):
    spec = make_spec(method={"name": "test-method", "steps": steps}, seed=seed, **changes)
    rows = [
        image_row(name, prompt, image, (dino + 0.01 * i, 0.5, 0.3))
        for i, name in enumerate(names)
        for prompt in (0, 1)
        for image in (0, 1)
    ]
    return make_run(path, rows, spec=spec, subjects=names, kind=kind)


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


def test_a_copy_of_a_run_adds_no_vote(tmp_path: Path) -> None:
    """An ablation's folder has the comparison's images of one seed again, here for a part of the subjects."""
    runs = read_run_scores(
        [_run(tmp_path / "a", 3, 0.6), _run(tmp_path / "b", 3, 0.8, seed=1), _run(tmp_path / "c", 4, 0.5)]
    )
    before = judge_claims(runs, claims=_claims())
    copies = [_run(tmp_path / f"copy-{i}", 3, 0.8, seed=1, subjects=NAMES[:6]) for i in range(2)]
    after = judge_claims(runs + read_run_scores(copies), claims=_claims())
    assert [v.effect for v in after] == pytest.approx([v.effect for v in before], abs=1e-12)
    assert [v.seeds for v in after] == [v.seeds for v in before]


def test_sides_are_compared_on_the_prompts_that_both_have(tmp_path: Path) -> None:
    part = _run(tmp_path / "part", 3, 0.8, seed=1, prompts="0")
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6), part, _run(tmp_path / "c", 4, 0.5)])
    (up, *_) = judge_claims(runs, claims=_claims())
    assert up.effect == pytest.approx(0.1)  # not 0.2, with the part that the other side has no run of


def test_the_common_word_is_that_of_the_runs_own_preset(tmp_path: Path) -> None:
    words = {"ours": {"identifier.text": None}, "theirs": {"identifier.text": "<common word>"}}
    (up, *_) = _claims().claims
    claims = Claims(source="", runs=words, claims=(up,))
    for preset, word, effect in (("", "unique", 0.1), ("mini", "striped", 0.1), ("mini", "unique", None)):
        folder, own = tmp_path / f"{preset}-{word}", {"preset": preset} if preset else {}
        pair = [
            _run(folder / "a", 3, 0.6, **own),
            _run(folder / "b", 3, 0.5, identifier={"text": word}, **own),
        ]
        (verdict,) = judge_claims(read_run_scores(pair), claims=claims)
        assert verdict.effect == (effect and pytest.approx(effect))


def test_images_made_elsewhere_are_no_runs(tmp_path: Path) -> None:
    runs = [_run(tmp_path / "a", 3, 0.6), _run(tmp_path / "c", 4, 0.5)]
    elsewhere = _run(tmp_path / "b", 3, 0.8, kind="score", seed=1)
    both = judge_claims(read_run_scores([*runs, elsewhere]), claims=_claims())
    assert both[0].effect == pytest.approx(0.1)


def test_runs_of_one_side_that_differ_in_a_field_are_refused_by_its_name(tmp_path: Path) -> None:
    other = _run(tmp_path / "b", 3, 0.8, seed=1, base=BaseSpec(model="another/base"))
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6), other, _run(tmp_path / "c", 4, 0.5)])
    with pytest.raises(DreambenchError, match=r"both count as ours but .* base\.model: some/base, not"):
        judge_claims(runs, claims=_claims())


def test_too_few_subjects_decide_nothing(tmp_path: Path) -> None:
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6), _run(tmp_path / "c", 4, 0.5)])
    (up, *_) = _claims().claims
    many = Claims(source="", runs=_claims().runs, claims=(up.model_copy(update={"least": 12}),))
    more = Claims(source="", runs=_claims().runs, claims=(up.model_copy(update={"least": 13}),))
    assert judge_claims(runs, claims=many)[0].verdict == "holds"
    (undecided,) = judge_claims(runs, claims=more)
    assert (undecided.verdict, undecided.effect) == ("undecided", None)
    assert "12 subjects; at least 13 decide" in undecided.why


def test_what_has_no_run_is_left_out_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = _run(tmp_path / "results" / "a", 3, 0.4)
    (tmp_path / "results" / "README.md").write_text("mine")
    everything = sorted((tmp_path / "results").iterdir())
    assert run_folders(everything) == [run.path]
    assert "left out, for they contain no run: " in capsys.readouterr().err
    with pytest.raises(DreambenchError, match=r"README\.md contains no run; name a run's folder"):
        run_folders(everything[:1])


def test_a_claim_within_a_margin_fails_by_the_corrected_p_alone(tmp_path: Path) -> None:
    """The interval lies beyond the margin either way; among many claims, the same p decides nothing."""
    few = {"names": NAMES[:8]}  # p cannot be smaller than 2 / 2^8
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.4, **few), _run(tmp_path / "c", 4, 0.5, **few)])
    close = Claim(
        id="x", statement="", where="", test="not-lower-by-more-than", metric="dino", margin=0.05,
        first="ours", second="theirs",
    )  # fmt: skip
    alone = Claims(source="", runs=_claims().runs, claims=(close,))
    assert judge_claims(runs, claims=alone)[0].verdict == "fails"
    many = Claims(source="", runs=_claims().runs, claims=(close,) * 10)
    (first, *_) = judge_claims(runs, claims=many)
    assert first.ci95 is not None
    assert first.ci95[1] < -0.05
    assert first.verdict == "undecided"


def test_a_verdict_says_what_it_rests_on(tmp_path: Path) -> None:
    by = {claim.id: claim for claim in paper_claims().claims}
    mini = "dreambench:0.1|preset:mini|n:8"
    assert by["dino-tells-subjects-apart"].decided_by("dreambench:0.1|n:8") == "photos alone"
    assert by["dino-tells-subjects-apart"].decided_by(mini) == "construction of the miniature"
    assert by["dino-agrees-with-people"].decided_by(mini) == "public data"
    assert by["above-the-floor"].decided_by(mini) == "runs"
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6)])
    seeds = {v.id: v.seeds for v in judge_claims(runs)}
    assert seeds["dino-tells-subjects-apart"] == seeds["dino-agrees-with-people"] == 0


def test_live_subjects_are_compared_relative_to_their_photos(tmp_path: Path) -> None:
    """Objects score higher because their photos agree more; relative to those, live ones are closer."""
    live, objects = NAMES[:6], NAMES[6:]
    dino = {name: (0.5 if name in live else 0.6) + 0.005 * NAMES.index(name) for name in NAMES}
    rows = [
        image_row(name, prompt, 0, (dino[name], 0.5, 0.3),
                  category="live" if name in live else "object")
        for name in NAMES for prompt in (0, 1)
    ]  # fmt: skip
    photos = [
        {
            "subject": name,
            "photo_a": "0.png",
            "photo_b": "1.png",
            "clip_i": 0.5,
            "dino": 0.6 if name in live else 0.9,
        }
        for name in (*live, *objects)
    ]
    run = make_run(tmp_path / "a", rows, subjects=NAMES, tables={"photos": photos})
    claim = Claim(id="x", statement="", where="", test="groups", metric="dino", first="all")
    (found,) = judge_claims(
        read_run_scores([run]), claims=Claims(source="", runs={"all": {}}, claims=(claim,))
    )
    assert found.effect == pytest.approx(-0.1 + 0.3 - 0.03)  # objects, later in the list, have 0.03 more
    assert found.verdict == "holds"


def test_runs_of_two_protocols_are_refused(tmp_path: Path) -> None:
    other = make_spec(protocol=ProtocolSpec(caption="identifier"))
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6), make_run(tmp_path / "b", [], spec=other)])
    with pytest.raises(DreambenchError, match="differ in clip-t"):
        judge_claims(runs, claims=_claims())


def test_the_claim_about_people_is_judged_by_a_correlation(tmp_path: Path) -> None:
    claims = Claims(source="", runs={}, claims=(Claim(id="x", statement="", where="", test="rating"),))
    runs = read_run_scores([_run(tmp_path / "a", 3, 0.6)])
    test = {"metric": "dino", "human": "sc", "difference": 0.17, "n": 600}
    test |= {"p_bootstrap_two_sided": 2e-4, "ci95_bootstrap": [0.12, 0.22]}
    (verdict,) = judge_claims(runs, {"paired": [test, {**test, "human": "pq"}]}, claims)
    assert (verdict.verdict, verdict.effect, verdict.n, verdict.ci95) == ("holds", 0.17, 600, (0.12, 0.22))
    with pytest.raises(DreambenchError, match="no test of DINO against CLIP-I"):
        judge_claims(runs, {"paired": []}, claims)
    with pytest.raises(DreambenchError, match="no test of DINO against CLIP-I"):
        judge_claims(runs, {"paired": [{**test, "difference": float("nan")}]}, claims)
    assert "no result of" in judge_claims(runs, None, claims)[0].why
