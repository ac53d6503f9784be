"""The models in ``data/mini`` as they are shipped: their size, their formats, what they know of the world."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.methods.identifiers import choose_identifier
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.image_similarity import cosine_similarities, unit_vectors
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.encoders.weight_files import local_file
from dreambench.paths import data_folder, located
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import BaseSpec
from dreambench.store import open_run
from miniature.evaluate.drawn import drawn
from miniature.evaluate.evaluation_prompts import EvaluationPrompt
from miniature.evaluate.scorers import embedded
from miniature.train.export_pipeline import LIMIT, sizes
from miniature.train.tokenizer import caption_words, fillers, rare_words
from miniature.train.train_dino import identity_renderings, same_class_auc
from miniature.world import CLASS_NOUNS

pytestmark = pytest.mark.slow

FOLDER = data_folder() / "mini"


@pytest.fixture(scope="module")
def spec():
    return build_spec("mini")


@pytest.fixture(scope="module")
def encoders(spec) -> ProtocolEncoders:
    return ProtocolEncoders(spec.protocol, "cpu")


def test_everything_together_is_small_and_safe() -> None:
    assert sum(sizes(FOLDER).values()) <= LIMIT == 20_000_000
    photos = [file for file in (FOLDER / "photos").rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in photos) <= 1_000_000
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {
        ".safetensors", ".json", ".txt", ".gz", ".png", ".csv"
    }  # fmt: skip


def test_plain_diffusers_loads_and_samples_the_pipeline() -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(FOLDER / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    parts = (pipeline.unet, pipeline.vae, pipeline.text_encoder)
    assert {p.dtype for part in parts for p in part.parameters()} == {torch.float32}
    rng = torch.Generator().manual_seed(0)
    prompt = "a dog in the snow"
    image = np.asarray(pipeline(prompt, height=64, width=64, num_inference_steps=5, generator=rng).images[0])
    assert image.shape == (64, 64, 3)
    assert image.std() > 20


def test_the_identifier_is_a_word_that_no_caption_holds(spec) -> None:
    base = open_base(spec.base)
    tokenizer, encoder = base.tokenizer, partial(base.frozen, "text_encoder")
    drawn_words = {
        choose_identifier(tokenizer, spec.identifier.model_copy(update={"seed": seed}), encoder)
        for seed in range(20)
    }
    assert drawn_words <= set(rare_words())
    assert not drawn_words & {*caption_words(), *fillers()}
    assert len(drawn_words) > 10
    assert len(tokenizer("sks", add_special_tokens=False)["input_ids"]) == 1


def test_it_draws_the_class_that_it_is_asked_for(spec, encoders: ProtocolEncoders) -> None:
    """Shown by CLIP-mini, which is a weaker judge than the evaluation's: 15 ways, 4 images each."""
    prompts = [EvaluationPrompt(noun, f"a {noun}", "plain") for noun in CLASS_NOUNS for _ in range(4)]
    images = drawn(open_base(spec.base), prompts, spec, resolve_runtime(spec.runtime))
    told = encoders.load("clip").embed_texts([f"a {noun}" for noun in CLASS_NOUNS])
    found = cosine_similarities(embedded(encoders.load("clip"), images), told).argmax(1).numpy()
    right = found == np.arange(len(CLASS_NOUNS)).repeat(4)
    assert right.mean() >= 0.75


def test_dino_mini_knows_a_subject_among_others_of_its_class(encoders: ProtocolEncoders) -> None:
    images, *numbers = identity_renderings(7, 4)
    units = unit_vectors(embedded(encoders.load("dino"), images)).numpy()
    assert same_class_auc(units, *numbers) >= 0.9


def test_the_preset_runs_marked_and_beside_no_paper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    small = ("method.steps=2", "method.class_images=2", "method.class_sampler.steps=2", "sampler.steps=2")
    words = ["--preset", "mini", "--subjects", "dog", "--prompts", "0,12", "--images-per-prompt", "2"]
    words += [word for s in small for word in ("--set", s)]
    with pytest.raises(SystemExit) as end:
        main(["run", *words, "--out", str(tmp_path / "run"), "--json"])
    assert end.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert "|preset:mini|" in shown["signature"]
    assert shown["signature"].startswith("dreambench:0.1|data:mini@")
    assert shown["rows"][1]["dino"]["paper"] is None
    # Where the package lies is no part of what a run says of itself.
    assert open_run(tmp_path / "run").record.spec.base.model == "builtin:mini/pipeline"


def test_nothing_is_missing_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["plan", "--preset", "mini", "--json"])
    assert end.value.code == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["subjects"], plan["images"], plan["missing"]) == (30, 3000, [])


def test_builtin_names_mean_the_packages_data() -> None:
    assert located("builtin:mini/photos/subjects.csv") == FOLDER / "photos" / "subjects.csv"
    assert located("models/base") == Path("models/base")
    with pytest.raises(DreambenchError, match="there is no file"):
        local_file("builtin:mini/nothing.safetensors", "protocol.dino.weights")
    with pytest.raises(DreambenchError, match="neither a folder nor a hub id"):
        open_base(BaseSpec(model="builtin:mini/nothing"))


def test_the_base_model_keeps_its_fingerprint(spec) -> None:
    """Run keys and the folders of class images depend on it: a change makes kept runs another model's."""
    assert open_base(spec.base).fingerprint == "3fd409e135b91d0f12360cc51b654725735caf0e"
