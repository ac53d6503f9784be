"""DreamBooth's LoRA on a tiny, real pipeline: adapters change, base weights do not."""

from __future__ import annotations

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from dreambench.errors import DreambenchError
from dreambench.methods.finetune import denoiser
from dreambench.models.base_model import open_base
from dreambench.spec.registries import METHODS
from tests.methods.conftest import TinyTrainer
from tests.methods.material import moved

METHOD = "dreambooth-lora"
FILE = "pytorch_lora_weights.safetensors"
BOTH = "method.train_text_encoder=true"


def base_weights(module) -> dict[str, torch.Tensor]:
    """Return an adapted module's weights without the adapters, by their original names."""
    return {
        name.replace(".base_layer", ""): tensor
        for name, tensor in module.state_dict().items()
        if "lora_" not in name
    }


@pytest.mark.parametrize("changes", [(), (BOTH,)])
def test_no_base_weight_changes_and_every_adapter_does(trainer, changes):
    done = trainer.train(*changes, method=METHOD)
    assert set(done.trained) == {"unet", "text_encoder"} if changes else {"unet"}
    for name, module in done.trained.items():
        before = trainer.base.fresh(name).state_dict()
        ours = base_weights(module)
        assert ours.keys() == before.keys()
        assert all(torch.equal(ours[key], before[key]) for key in before)
        ups = [t for key, t in module.state_dict().items() if "lora_B" in key]
        assert ups
        assert all(t.abs().sum() > 0 for t in ups)  # they start at zero


@pytest.mark.parametrize("changes", [(), (BOTH,)])
def test_it_loads_in_plain_diffusers_and_draws_the_same_image(trainer, tmp_path, changes):
    done = trainer.train(*changes, "method.rank=2", method=METHOD)
    method = METHODS.get(METHOD)()
    method.save(done, tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == [FILE]
    parts = {name.split(".")[0] for name in load_file(tmp_path / FILE)}
    assert parts == ({"unet", "text_encoder"} if changes else {"unet"})
    plain = StableDiffusionPipeline.from_pretrained(trainer.tiny["base"])
    untouched = trainer.image(plain)
    try:
        plain.load_lora_weights(tmp_path, weight_name=FILE)
    except ValueError as error:  # transformers can require a peft that is not released yet
        pytest.skip(f"transformers and peft do not fit together here: {error}")
    loaded = method.load(tmp_path, trainer.base, trainer.context(trainer.spec(method=METHOD))).pipeline
    images = {trainer.image(pipeline) for pipeline in (plain, loaded, done.pipeline)}
    assert len(images) == 1
    assert untouched not in images


def test_with_and_without_prior_preservation(trainer):
    before = len(trainer.class_nouns)
    rows = trainer.train("method.prior_preservation=false", method=METHOD).losses
    assert len(trainer.class_nouns) == before
    assert all(row.prior != row.prior for row in rows)
    assert all(row.prior == row.prior for row in trainer.train(method=METHOD).losses)


def test_the_same_spec_gives_the_same_adapters_whatever_was_drawn_before(trainer):
    first = trainer.train(method=METHOD).trained["unet"].state_dict()
    torch.rand(7)
    again = trainer.train(method=METHOD).trained["unet"].state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_adapters_load_by_older_names_and_those_that_do_not_fit_are_refused(trainer, tmp_path):
    """Older releases of transformers have a level ``text_model`` in the names."""
    done, method = trainer.train(BOTH, "method.steps=1", method=METHOD), METHODS.get(METHOD)()
    context = trainer.context(trainer.spec(method=METHOD))
    method.save(done, tmp_path)
    tensors = load_file(tmp_path / FILE)
    texts = [name for name in tensors if name.startswith("text_encoder.")]

    def rewritten(name: str) -> str:
        return name.replace("text_encoder.", "text_encoder.text_model.").replace(
            "text_model.text_model.", "text_model."
        )

    save_file({rewritten(name): tensor for name, tensor in tensors.items()}, tmp_path / FILE)
    assert trainer.image(method.load(tmp_path, trainer.base, context).pipeline) == trainer.image(
        done.pipeline
    )
    kept = {name: tensor for name, tensor in tensors.items() if name != texts[0]}
    for wrong in (kept, {**kept, texts[0].replace("encoder.layers", "layers"): tensors[texts[0]]}):
        save_file(wrong, tmp_path / FILE)
        with pytest.raises(DreambenchError, match=r"does not fit this base model: . adapters are unknown"):
            method.load(tmp_path, trainer.base, context)


@pytest.mark.parametrize("changes", [(), (BOTH, "runtime.precision=bf16")])
def test_the_base_model_predicts_by_the_adapted_denoiser_as_a_second_one_would(trainer, monkeypatch, changes):
    by_base = ("method.prior_source=base-model", *changes)
    trainer.base.release("unet", "text_encoder")
    ours = trainer.train(*by_base, method=METHOD)
    assert not {"unet", *ours.trained} & trainer.base._frozen.keys()
    monkeypatch.setattr(denoiser, "_adapter_layers", lambda module: [])
    theirs = trainer.train(*by_base, method=METHOD)
    assert "unet" in trainer.base._frozen
    assert ours.losses == theirs.losses
    for name, module in ours.trained.items():
        assert not moved(module, theirs.trained[name])


def test_frozen_weights_held_as_autocast_casts_them_give_the_same_losses(trainer):
    """As on a GPU. peft draws the adapters in the type of the weights, so these are still at zero."""
    still = ("runtime.precision=bf16", "method.learning_rate=1e-30", BOTH)
    plain = trainer.train(*still, method=METHOD).losses
    base = open_base(trainer.spec().base)
    base.autocast_dtype = torch.bfloat16
    halved = TinyTrainer(trainer.tiny, trainer.cache, base).train(*still, method=METHOD)
    assert halved.losses == plain
    for module in halved.trained.values():
        types = {kind: p.dtype for kind, p in module.named_parameters()}
        assert {dtype for kind, dtype in types.items() if "lora_" in kind} == {torch.float32}
        assert {dtype for kind, dtype in types.items() if kind.endswith("base_layer.weight")} == {
            torch.bfloat16
        }
        assert {dtype for kind, dtype in types.items() if "norm" in kind} == {torch.float32}
    assert {p.dtype for p in halved.pipeline.vae.parameters()} == {torch.float32}
