"""Textual Inversion on a tiny, real pipeline: new tokens, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from dreambench.dataset import load_dataset
from dreambench.errors import DreambenchError
from dreambench.methods.learned_tokens import LearnedTokens
from dreambench.methods.method import Context, SubjectPhrase, subject_phrase
from dreambench.methods.textual_inversion import PLACEHOLDER, _pipeline
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.families.diffusion import tokens_of
from dreambench.runs.memory import shapes_of, training_memory
from dreambench.spec.presets import build_spec
from dreambench.spec.registries import METHODS
from dreambench.spec.run_spec import BaseSpec
from tests.material.tiny_families import build_family
from tests.methods.conftest import TinyTrainer
from tests.methods.material import moved

pytestmark = pytest.mark.slow

METHOD = "textual-inversion"
LEARNED = "learned_embeds.safetensors"


@pytest.fixture(scope="module")
def done(trainer):
    return trainer.train(method=METHOD)


def test_one_embedding_row_changes_and_nothing_else(trainer, done):
    encoder, before = done.pipeline.text_encoder, trainer.base.fresh("text_encoder")
    ours, theirs = encoder.state_dict(), before.state_dict()
    different = [name for name in theirs if not torch.equal(ours[name], theirs[name])]
    (table,) = [name for name in theirs if ours[name].shape != theirs[name].shape]
    assert different == [table]
    assert torch.equal(ours[table][:-1], theirs[table])
    assert ours[table].shape[0] == theirs[table].shape[0] + 1
    assert torch.equal(ours[table][-1:], done.trained[PLACEHOLDER])
    assert not moved(done.pipeline.unet, trainer.base.fresh("unet"))
    assert not moved(trainer.base.frozen("text_encoder"), before)
    assert PLACEHOLDER not in trainer.base.tokenizer.get_vocab()


def test_the_word_starts_as_the_class_noun_and_moves(trainer, done):
    tokens = trainer.base.tokenizer("dog", add_special_tokens=False)["input_ids"]
    start = trainer.base.frozen("text_encoder").get_input_embeddings().weight[tokens].mean(0)
    still = trainer.train("method.learning_rate=1e-30", method=METHOD).trained[PLACEHOLDER]
    assert torch.allclose(still[0], start, atol=1e-6)
    assert not torch.allclose(done.trained[PLACEHOLDER][0], start, atol=1e-4)


def test_the_training_sees_what_the_pipeline_will_see(trainer, done):
    """The states behind the loss are those of the finished pipeline's encoder."""
    tokenizer = trainer.base.fresh_tokenizer()
    learned = LearnedTokens(trainer.base.frozen("text_encoder"), tokenizer, PLACEHOLDER, [0], 1)
    learned.embeddings.data.copy_(done.trained[PLACEHOLDER])
    assert (
        learned.spelled("a {{}} of {0}") == learned.spelled("a {{}}") + " of {0}"
    )  # nothing else is special
    tokens = torch.tensor([tokenizer(learned.spelled("a photo of a {}"), padding="max_length")["input_ids"]])
    with torch.no_grad():
        assert torch.allclose(learned.outputs(tokens)[0], done.pipeline.text_encoder(tokens)[0], atol=1e-6)


def test_prompts_contain_the_new_word_only(trainer):
    assert subject_phrase(METHODS.get(METHOD)(), trainer.subject, "sks") == SubjectPhrase(PLACEHOLDER, None)


@pytest.mark.parametrize("vectors", [1, 3])
def test_it_loads_in_plain_diffusers_and_draws_the_same_image(trainer, tmp_path, vectors):
    done = trainer.train(f"method.vectors={vectors}", method=METHOD)
    method = METHODS.get(METHOD)()
    method.save(done, tmp_path)
    assert load_file(tmp_path / LEARNED)[PLACEHOLDER].shape[0] == vectors
    plain = StableDiffusionPipeline.from_pretrained(trainer.tiny["base"])
    plain.load_textual_inversion(tmp_path / LEARNED, token=PLACEHOLDER)
    loaded = method.load(tmp_path, trainer.base, trainer.context(trainer.spec(method=METHOD))).pipeline
    prompt = f"a {PLACEHOLDER} in the snow"
    images = {trainer.image(pipeline, prompt) for pipeline in (plain, loaded, done.pipeline)}
    assert len(images) == 1
    assert trainer.image(loaded, "a dog in the snow") not in images


def test_every_step_is_in_the_loss_log_and_a_seed_gives_the_same_embeddings(trainer, done):
    again = trainer.train(method=METHOD)
    assert [row.step for row in done.losses] == [1, 2, 3]
    assert torch.equal(done.trained[PLACEHOLDER], again.trained[PLACEHOLDER])
    other = trainer.train("seed=5", method=METHOD)
    assert not torch.equal(done.trained[PLACEHOLDER], other.trained[PLACEHOLDER])


@pytest.mark.parametrize(
    "change",
    ["method.class_images=5", "method.class_sampler.steps=5", "method.prior_preservation_weight=0.5"],
)
def test_what_has_no_effect_is_refused_by_its_name(trainer, change):
    field = ".".join(change.split("=")[0].split(".")[:2])
    with pytest.raises(DreambenchError, match=f"field {field} has no effect on the method textual-inversion"):
        trainer.spec(change, method=METHOD)


@pytest.mark.parametrize(
    "change",
    ["method.templates=[a photo]", "method.prior_preservation=true", "method.train_text_encoder=true"],
)
def test_what_it_cannot_do_is_refused(trainer, change):
    with pytest.raises(DreambenchError, match=change.split("=")[0]):
        trainer.spec(change, method=METHOD)


def test_both_encoders_of_sdxl_learn_the_word(tiny, tmp_path):
    """Kept as ``clip_l`` and ``clip_g``, it loads in plain diffusers, which encodes the same prompt alike."""
    from diffusers import StableDiffusionXLPipeline

    folder = build_family("sdxl", tmp_path / "sdxl")
    fields = {"base.model": str(folder), "data.folder": tiny["data"], "method": METHOD}
    steps = ["image_size=32", "method.steps=2", "method.vectors=2", "method.learning_rate=0.1"]
    spec = build_spec("paper-sd15", fields, steps)
    base = open_base(spec.base)
    context = Context(resolve_runtime(spec.runtime), "sks", lambda *_: pytest.fail("no class images"))
    method = METHODS.get(METHOD)()
    method.check(base, spec)
    subject = load_dataset(Path(tiny["data"]))["dog"]
    done = method.personalize(subject, base, spec, context)
    assert {name: tuple(rows.shape) for name, rows in done.trained.items()} == {
        "clip_l": (2, 32),
        "clip_g": (2, 32),
    }
    shapes = shapes_of(folder, base.family)
    assert training_memory(spec, shapes, base.family).trained_parameters == 2 * 32 + 2 * 32
    method.save(done, tmp_path)
    kept = load_file(tmp_path / LEARNED)
    plain = StableDiffusionXLPipeline.from_pretrained(folder)
    for key, part in (("clip_l", ""), ("clip_g", "_2")):
        encoder, tokenizer = getattr(plain, f"text_encoder{part}"), getattr(plain, f"tokenizer{part}")
        plain.load_textual_inversion(kept[key], token=PLACEHOLDER, text_encoder=encoder, tokenizer=tokenizer)
    loaded = method.load(tmp_path, base, context).pipeline
    prompt = f"a {PLACEHOLDER} in the snow"
    states = [base.family.encode(p, [prompt], "cpu") for p in (plain, loaded, done.pipeline)]
    for other in states[1:]:
        assert all(torch.equal(states[0][name], other[name]) for name in other)
    without = base.family.encode(base.pipeline(), ["a dog in the snow"], "cpu")
    assert not torch.allclose(states[0]["pooled_prompt_embeds"], without["pooled_prompt_embeds"], atol=1e-3)


def test_sdxl_pools_at_the_end_token_in_training_and_drawing_where_its_configuration_says_2(tmp_path):
    """transformers takes 2 for "the largest id", which the end token's is until a new word is added."""
    folder = build_family("sdxl", tmp_path / "sdxl")
    for part in ("text_encoder", "text_encoder_2"):
        config = folder / part / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "eos_token_id": 2}))
    base = open_base(BaseSpec(model=str(folder)))
    encoder, tokenizer = base.frozen("text_encoder_2"), base.fresh_tokenizer("tokenizer_2")
    learned = LearnedTokens(encoder, tokenizer, PLACEHOLDER, [7], 2)
    learned.embeddings.data.normal_(generator=torch.Generator().manual_seed(0))
    rows = learned.embeddings.detach()
    drawn = base.family.encode(
        _pipeline(base, {"clip_l": rows, "clip_g": rows}), [f"a {PLACEHOLDER} in the snow"], "cpu"
    )
    tokens = tokens_of(tokenizer, [learned.spelled("a {} in the snow")], "cpu")
    with torch.no_grad():
        trained = learned.outputs(tokens)
    assert torch.allclose(trained[0], drawn["pooled_prompt_embeds"], atol=1e-6)
    assert encoder.text_model.eos_token_id == encoder.config.eos_token_id == 2  # the shared one is untouched


def test_frozen_weights_held_as_autocast_casts_them_train_the_same_word(trainer):
    plain = trainer.train("runtime.precision=bf16", method=METHOD)
    base = open_base(trainer.spec().base)
    base.autocast_dtype = torch.bfloat16
    halved = TinyTrainer(trainer.tiny, trainer.cache, base).train("runtime.precision=bf16", method=METHOD)
    assert base.frozen("unet").conv_in.weight.dtype == torch.bfloat16
    assert [row.total for row in halved.losses] == [row.total for row in plain.losses]
    assert torch.equal(halved.trained[PLACEHOLDER], plain.trained[PLACEHOLDER])
    assert {p.dtype for p in halved.pipeline.text_encoder.parameters()} == {torch.float32}
