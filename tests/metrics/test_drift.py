"""Drift: its definition written out over raw embeddings, its prompts, and the encoder that it takes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from dreambench.analysis.aggregate import subject_scores
from dreambench.analysis.score_tables import read_tables
from dreambench.dataset import official_subjects
from dreambench.dataset.image_request import ImageRequest
from dreambench.errors import DreambenchError
from dreambench.metrics.drift import IMAGES, MINIATURE_PROMPTS, PROMPTS, DriftSpec
from dreambench.metrics.scorer import Scorer
from dreambench.metrics.tables import DriftPair
from dreambench.runs.plan import make_plan
from dreambench.runs.several_protocols import protocols_by_name
from dreambench.runs.submissions.score import score as score_submission
from dreambench.runs.unrelated_prompts import refuse_other_prompts, unrelated_prompts
from dreambench.spec.presets import build_spec
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import RunSpec
from dreambench.spec.signature import protocol_fields
from dreambench.store import RunFolder
from tests.material import tiny_encoders as tiny
from tests.metrics.material import Material, noise, score
from tests.store.material import record

#: Keys from before there was drift, of runs that do not ask for it.
KEYS = {
    ("mini", ()): "7b3026b10fa561a2",
    ("paper-sd15", ()): "ccc0b0b1336bcd8e",
    ("sdxl-lora", ()): "a52427eee30169d4",
    ("mini", ("protocol.metrics=[dino, dinov2]",)): "af9506967a1489cf",
}


def pairs(folder: Path) -> dict[str, list[DriftPair]]:
    """Draw three pairs of images of each subject; the third pair of the dog is one image twice."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[DriftPair]] = {"dog": [], "teapot": []}
    for subject, own in found.items():
        for index in range(3):
            files = [folder / f"{subject}-{side}-{index}.png" for side in ("drift", "base")]
            for file in files:
                noise(file.name, 80, 70).save(file)
            drawn, base = (ImageRequest(f"prompt {index}", 0, file, index) for file in files)
            own.append((drawn, base))
    drawn, base = found["dog"][2]
    shutil.copy(base.file, drawn.file)
    return found


def test_drift_is_one_minus_the_cosine_of_raw_class_tokens(
    tiny_models, by_hand, material: Material, tmp_path
):
    settings = DriftSpec(
        model=tiny.DINO_MODEL, weights=str(tiny_models.dino), resize=tiny.DINO_RESIZE, crop=tiny.DINO_CROP
    )
    protocol = tiny_models.protocol("dino", "drift").with_encoder_specs({"drift": settings})
    spec = record().spec.model_copy(update={"protocol": protocol})
    log = record().model_copy(update={"spec": spec, "subjects": {"dog": "dog", "teapot": "teapot"}})
    run = RunFolder(tmp_path / "run", log)
    drift = pairs(tmp_path / "images")
    score(run, material, protocol, drift=drift)

    def by_definition(drawn: ImageRequest, base: ImageRequest) -> float:
        a, b = by_hand.dino(drawn.file), by_hand.dino(base.file)
        return 1 - float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))

    every = [pair for own in drift.values() for pair in own]
    expected = [by_definition(*pair) for pair in every]
    table = run.scores("drift")
    assert table["prompt"].tolist() == [drawn.prompt for drawn, _ in every]
    assert table["drift"].tolist() == pytest.approx(expected, abs=1e-5)
    assert table["drift"][2] == 0.0
    assert min(value for i, value in enumerate(expected) if i != 2) > 1e-3

    scores = subject_scores(read_tables(run), ("dino", "drift"), ["dog", "teapot"])
    means = [np.mean(expected[:3]), np.mean(expected[3:])]
    assert scores["drift"].tolist() == pytest.approx(means, abs=1e-5)

    plain = RunFolder(tmp_path / "plain", log)
    score(plain, material, tiny_models.protocol("dino"))
    assert not plain.score_file("drift").exists()
    assert plain.scores("images")["dino"].tolist() == run.scores("images")["dino"].tolist()


def test_it_is_zero_for_equal_embeddings_and_two_for_opposite_ones():
    rows = torch.randn(5, 384, generator=torch.Generator().manual_seed(0))
    drift = get_metric("drift")
    assert drift.score(rows, rows.clone()) == [0.0] * 5
    assert drift.score(rows, -3 * rows) == pytest.approx([2.0] * 5)
    assert (drift.higher_is_better, drift.by_default, drift.standard) == (False, False, False)


def test_no_official_class_is_in_the_prompts_and_all_subjects_have_the_same_ten():
    nouns = {subject.class_noun for subject in official_subjects()}
    assert len(nouns) == 15
    for noun in nouns:
        assert DriftSpec().unrelated_to([noun]) == list(enumerate(PROMPTS[:IMAGES]))
        own = DriftSpec(prompts=MINIATURE_PROMPTS).unrelated_to([noun])
        assert len(own) == IMAGES
        assert not [prompt for _, prompt in own if f" {noun} " in f"{prompt} "]
    assert sorted(noun for noun in nouns if not any(noun in p for p in MINIATURE_PROMPTS)) == []


@pytest.mark.parametrize(
    ("nouns", "lost"),
    [
        (["elephants"], 6),
        (["boat"], 1),
        (["person reading"], 2),
        (["old man"], 2),
        (["brick walls", "bee"], None),
    ],
)
def test_a_class_that_a_prompt_mentions_loses_it_to_the_next(nouns, lost):
    found = DriftSpec().unrelated_to(nouns)
    assert len(found) == IMAGES
    assert [i for i, _ in found] == [i for i in range(IMAGES + 1) if i != lost][:IMAGES]


def test_what_a_subject_trains_as_counts_as_its_class():
    cat = next(s for s in official_subjects() if s.class_noun == "cat")
    spec = build_spec("mini", {"protocol.metrics": ["drift"]})
    assert 0 not in dict(unrelated_prompts(spec, cat))
    for seed in range(6):
        wrong = build_spec(
            "mini", {"protocol.metrics": ["drift"]}, ["class_noun.variant=wrong", f"class_noun.seed={seed}"]
        )
        assert not {"a cat on the beach"} & set(dict(unrelated_prompts(wrong, cat)).values())
        assert len(unrelated_prompts(wrong, cat)) == IMAGES
    with pytest.raises(
        DreambenchError, match=r"each of protocol\.encoders\.drift\.prompts mentions the class cat"
    ):
        DriftSpec(prompts=("two cats",)).unrelated_to(["cat"])


def drift_of(spec: RunSpec) -> DriftSpec:
    found = spec.protocol.encoder_spec("drift")
    assert isinstance(found, DriftSpec)
    return found


def test_its_encoder_is_the_protocols_dinov2_and_in_the_miniature_its_dino():
    asked = {"protocol.metrics": ["dino", "drift"]}
    assert drift_of(build_spec("paper-sd15", asked)) == DriftSpec()
    peft = build_spec("paper-sd15", {"protocol": "peft-image-gen", **asked})
    assert drift_of(peft).model == "vit_base_patch14_dinov2.lvd142m"
    mini = build_spec("mini", asked)
    assert drift_of(mini).weights == mini.protocol.dino.weights
    assert (drift_of(mini).crop, drift_of(mini).prompts) == (64, MINIATURE_PROMPTS)
    own = build_spec("mini", asked, ["protocol.encoders.drift.prompts=[a harbor]"])
    assert drift_of(own).prompts == ("a harbor",)
    fields = [protocol_fields(spec.protocol)["drift"] for spec in (mini, own, peft)]
    assert len(set(fields)) == 3
    assert [field.rpartition("/")[2] for field in fields[::2]] == ["52212a59", "32bb1842"]  # as ever


@pytest.mark.parametrize(("preset", "changes"), list(KEYS))
def test_keys_of_runs_without_drift_are_as_before(preset, changes):
    spec = build_spec(preset, overrides=changes)
    assert spec.key == KEYS[preset, changes]
    assert "drift" not in json.dumps(spec.identity()) + json.dumps(protocol_fields(spec.protocol))
    asked = build_spec(preset, {"protocol.metrics": [*spec.protocol.metrics, "drift"]})
    assert asked.key != spec.key
    assert asked.images_key == spec.images_key


def test_images_of_others_have_no_drift(tmp_path, material: Material, tiny_models):
    with pytest.raises(DreambenchError, match=r"drift compares .* `dreambench score` has neither") as raised:
        score_submission(tmp_path, preset="mini", metrics="dino,drift")
    assert "dreambench run" in str(raised.value.remedy)
    with pytest.raises(DreambenchError, match="Drift needs the base model's images"):
        Scorer(
            material.photos["dog"], "dog", protocol=tiny_models.protocol("dino", "drift"), metrics=["drift"]
        )


def test_a_further_protocol_has_the_runs_own_prompts():
    def spec_of(name: str) -> RunSpec:
        return build_spec("mini", {"protocol": name, "protocol.metrics": ["dino", "drift"]})

    protocols = protocols_by_name(["mini", "uno@mini"], spec_of)
    refuse_other_prompts(spec_of("mini"), protocols)
    with pytest.raises(DreambenchError, match="protocol mini asks for drift with other prompts"):
        refuse_other_prompts(build_spec("mini"), protocols)


def test_the_plan_says_what_drift_costs_and_nothing_where_it_is_not_asked_for():
    asked = {"protocol.metrics": ["dino", "drift"], "subjects": ["dog", "cat"]}
    plan = make_plan(build_spec("mini", asked))
    assert json.loads(plan.model_dump_json())["drift_images"] == 2 * 20
    assert "drift images    20 of unrelated prompts, and as many by the base model" in plan.text()
    without = make_plan(build_spec("mini", {**asked, "protocol.metrics": ["dino"]}))
    assert "drift" not in without.model_dump_json() + without.text()
    assert plan.disk_images > without.disk_images
