"""DreamBooth on a tiny, real Stable Diffusion pipeline: what it trains, leaves alone and saves."""

from __future__ import annotations

import pytest
import torch
import transformers
from diffusers import StableDiffusionPipeline

from dreambench.errors import DreambenchError
from dreambench.spec.registries import METHODS
from tests.methods.material import moved, weights


def test_unet_and_text_encoder_are_trained_and_the_vae_is_not(trainer):
    done = trainer.train()
    assert set(done.trained) == {"unet", "text_encoder"}
    assert moved(done.trained["unet"], trainer.base.fresh("unet"))
    assert moved(done.trained["text_encoder"], trainer.base.fresh("text_encoder"))
    assert not moved(done.pipeline.vae, trainer.base.fresh("vae"))
    assert trainer.class_nouns[-1] == "dog"


def test_a_frozen_text_encoder_stays_untouched(trainer):
    done = trainer.train("method.train_text_encoder=false")
    assert set(done.trained) == {"unet"}
    assert not moved(done.pipeline.text_encoder, trainer.base.fresh("text_encoder"))


def test_frozen_text_encoders_leave_the_device_once_the_captions_are_encoded(trainer, monkeypatch):
    left = []
    monkeypatch.setattr(trainer.base, "park", lambda *names: left.extend(names))
    trainer.train("method.train_text_encoder=false", "method.steps=1")
    assert left == ["text_encoder"]
    trainer.train("method.steps=1")
    assert left == ["text_encoder"]


def test_the_base_model_is_the_same_after_a_training_as_before(trainer):
    trainer.train()
    for name in ("unet", "text_encoder", "vae"):
        assert not moved(trainer.base.frozen(name), trainer.base.fresh(name))


def test_the_same_spec_gives_the_same_weights_whatever_was_trained_before(trainer):
    first = trainer.train()
    trainer.train("seed=5", "method.prior_preservation=false")
    again = trainer.train()
    for name in first.trained:
        assert not moved(first.trained[name], again.trained[name])
    assert moved(trainer.train("seed=5").trained["unet"], first.trained["unet"])


def test_every_step_is_in_the_loss_log(trainer):
    rows = trainer.train().losses
    assert [row.step for row in rows] == [1, 2, 3]
    assert all(row.total == pytest.approx(row.photo + row.prior) for row in rows)


def test_without_prior_preservation_no_class_image_is_made(trainer):
    before = len(trainer.class_nouns)
    rows = trainer.train("method.prior_preservation=false").losses
    assert len(trainer.class_nouns) == before
    assert all(row.prior != row.prior and row.total == row.photo for row in rows)


def test_frozen_text_states_equal_recomputed_ones(trainer):
    """At a learning rate that changes nothing, the frozen path's loss equals the trained path's."""
    still = "method.learning_rate=1e-30"
    frozen = trainer.train(still, "method.train_text_encoder=false").losses
    trained = trainer.train(still, "method.train_text_encoder=true").losses
    assert [r.total for r in frozen] == pytest.approx([r.total for r in trained], abs=1e-5)


@pytest.mark.filterwarnings("error::FutureWarning")  # transformers renamed the function that turns it on
def test_gradient_checkpointing_does_not_change_the_weights(trainer):
    both = "method.train_text_encoder=true"
    plain = trainer.train(both).trained
    checkpointed = trainer.train(both, "runtime.gradient_checkpointing=true").trained
    assert set(plain) == {"unet", "text_encoder"}
    for name in plain:
        torch.testing.assert_close(weights(plain[name]), weights(checkpointed[name]), atol=1e-5, rtol=1e-4)


def test_the_moving_average_lies_between_start_and_end(trainer):
    end = weights(trainer.train().trained["unet"])
    average = weights(trainer.train("method.ema=true", "method.ema_decay=0.9").trained["unet"])
    start = weights(trainer.base.fresh("unet"))
    assert 0 < (average - start).norm() < (end - start).norm()


def test_bf16_autocast_trains_close_to_float32(trainer):
    plain = [r.total for r in trainer.train().losses]
    half = [r.total for r in trainer.train("runtime.precision=bf16").losses]
    assert half == pytest.approx(plain, rel=0.05)
    assert half != plain


@pytest.mark.filterwarnings("ignore:Cannot enable progress bars")
def test_saved_weights_load_in_plain_diffusers_and_draw_the_same_image(trainer, tmp_path, capfd, monkeypatch):
    spec = trainer.spec()
    method = METHODS.get("dreambooth")()
    done = trainer.train()
    capfd.readouterr()
    monkeypatch.setattr(transformers.utils.logging, "_tqdm_active", True)
    method.save(done, tmp_path)
    assert capfd.readouterr().err == ""  # no library's bar beside ours
    assert {f.suffix for f in tmp_path.rglob("*") if f.is_file()} <= {".json", ".safetensors"}
    plain = StableDiffusionPipeline.from_pretrained(
        trainer.tiny["base"],
        unet=type(done.trained["unet"]).from_pretrained(tmp_path / "unet"),
        text_encoder=type(done.trained["text_encoder"]).from_pretrained(tmp_path / "text_encoder"),
    )
    loaded = method.load(tmp_path, trainer.base, trainer.context(spec)).pipeline
    assert trainer.image(plain) == trainer.image(loaded) == trainer.image(done.pipeline)


def test_a_training_that_diverges_is_a_one_line_error(trainer):
    with pytest.raises(DreambenchError, match="training dog diverged"):
        trainer.train("method.learning_rate=1", "method.weight_decay=10", "method.steps=60")


def test_a_resumed_model_has_the_layout_of_a_trained_one(trainer, tmp_path):
    """Convolutions choose their kernels by it."""
    done, method = (
        trainer.train("method.steps=1", "method.prior_preservation=false"),
        METHODS.get("dreambooth")(),
    )
    method.save(done, tmp_path)
    loaded = method.load(tmp_path, trainer.base, trainer.context(trainer.spec()))
    pairs = zip(done.trained["unet"].parameters(), loaded.trained["unet"].parameters(), strict=True)
    assert all(ours.stride() == theirs.stride() and torch.equal(ours, theirs) for ours, theirs in pairs)
    assert loaded.trained["unet"].conv_in.weight.is_contiguous(memory_format=torch.channels_last)
