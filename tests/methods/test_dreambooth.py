"""DreamBooth on a tiny, real Stable Diffusion pipeline: what is trained, what is left alone, what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from dreambench.benchmark import load_dataset
from dreambench.class_images import class_image_set, ensure_class_images
from dreambench.errors import DreambenchError
from dreambench.methods.base import Context
from dreambench.models.base import open_base
from dreambench.models.device import resolve_runtime
from dreambench.presets import build_spec
from dreambench.registry import method_class

SMALL = (
    "image_size=64", "method.steps=3", "method.class_images=4", "method.class_sampler.steps=2",
    "method.learning_rate=1e-3", "sampler.steps=2",
)  # fmt: skip


class Bench:
    """A base model, a subject, and a spec with changes."""

    def __init__(self, tiny: dict[str, str], cache: Path) -> None:
        self.tiny, self.cache = tiny, cache
        self.base = open_base(self.spec().base)
        self.subject = load_dataset(Path(tiny["data"]))["dog"]
        self.class_nouns: list[str] = []

    def spec(self, *changes: str):
        fields = {"base.model": self.tiny["base"], "data.folder": self.tiny["data"]}
        return build_spec("paper-sd15", fields, [*SMALL, *changes])

    def context(self, spec) -> Context:
        runtime = resolve_runtime(spec.runtime)

        def class_images(noun, sampler, count):
            self.class_nouns.append(noun)
            wanted = class_image_set(self.cache, self.base.fingerprint, noun, sampler, count, spec.image_size)
            return ensure_class_images(wanted, self.base, sampler, runtime)

        return Context(runtime, "sks", class_images)

    def train(self, *changes: str):
        spec = self.spec(*changes)
        return method_class("dreambooth")().personalize(self.subject, self.base, spec, self.context(spec))


@pytest.fixture(scope="module")
def bench(tiny, tmp_path_factory) -> Bench:
    return Bench(tiny, tmp_path_factory.mktemp("class-images"))


def weights(module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def moved(ours, theirs) -> bool:
    return not torch.equal(weights(ours), weights(theirs))


def test_unet_and_text_encoder_are_trained_and_the_vae_is_not(bench):
    done = bench.train()
    assert set(done.trained) == {"unet", "text_encoder"}
    assert moved(done.trained["unet"], bench.base.fresh("unet"))
    assert moved(done.trained["text_encoder"], bench.base.fresh("text_encoder"))
    assert not moved(done.pipeline.vae, bench.base.fresh("vae"))
    assert bench.class_nouns[-1] == "dog"


def test_a_frozen_text_encoder_stays_untouched(bench):
    done = bench.train("method.train_text_encoder=false")
    assert set(done.trained) == {"unet"}
    assert not moved(done.pipeline.text_encoder, bench.base.fresh("text_encoder"))


def test_the_base_model_is_the_same_after_a_training_as_before(bench):
    bench.train()
    for name in ("unet", "text_encoder", "vae"):
        assert not moved(bench.base.frozen(name), bench.base.fresh(name))


def test_the_same_spec_gives_the_same_weights_whatever_was_trained_before(bench):
    first = bench.train()
    bench.train("seed=5", "method.prior_preservation=false")
    again = bench.train()
    for name in first.trained:
        assert not moved(first.trained[name], again.trained[name])
    assert moved(bench.train("seed=5").trained["unet"], first.trained["unet"])


def test_every_step_is_in_the_loss_log(bench):
    rows = bench.train().losses
    assert [row.step for row in rows] == [1, 2, 3]
    assert all(row.total == pytest.approx(row.photo + row.prior) for row in rows)


def test_without_prior_preservation_no_class_image_is_made(bench):
    before = len(bench.class_nouns)
    rows = bench.train("method.prior_preservation=false").losses
    assert len(bench.class_nouns) == before
    assert all(row.prior != row.prior and row.total == row.photo for row in rows)


def test_frozen_text_states_equal_recomputed_ones(bench):
    """A learning rate so small that nothing moves: the frozen path's loss is the trained path's."""
    still = "method.learning_rate=1e-30"
    frozen = bench.train(still, "method.train_text_encoder=false").losses
    trained = bench.train(still, "method.train_text_encoder=true").losses
    assert [r.total for r in frozen] == pytest.approx([r.total for r in trained], abs=1e-5)


def test_gradient_checkpointing_does_not_change_the_weights(bench):
    plain = bench.train().trained["unet"]
    thrifty = bench.train("runtime.gradient_checkpointing=true").trained["unet"]
    torch.testing.assert_close(weights(plain), weights(thrifty), atol=1e-5, rtol=1e-4)


def test_the_moving_average_lies_between_start_and_end(bench):
    end = weights(bench.train().trained["unet"])
    average = weights(bench.train("method.ema=true", "method.ema_decay=0.9").trained["unet"])
    start = weights(bench.base.fresh("unet"))
    assert 0 < (average - start).norm() < (end - start).norm()


def test_bf16_autocast_trains_close_to_float32(bench):
    plain = [r.total for r in bench.train().losses]
    half = [r.total for r in bench.train("runtime.precision=bf16").losses]
    assert half == pytest.approx(plain, rel=0.05)
    assert half != plain


def test_saved_weights_load_in_plain_diffusers_and_draw_the_same_image(bench, tmp_path):
    spec = bench.spec()
    method = method_class("dreambooth")()
    done = bench.train()
    method.save(done, tmp_path)
    assert {f.suffix for f in tmp_path.rglob("*") if f.is_file()} <= {".json", ".safetensors"}
    plain = StableDiffusionPipeline.from_pretrained(
        bench.tiny["base"],
        unet=type(done.trained["unet"]).from_pretrained(tmp_path / "unet"),
        text_encoder=type(done.trained["text_encoder"]).from_pretrained(tmp_path / "text_encoder"),
    )
    loaded = method.load(tmp_path, bench.base, bench.context(spec)).pipeline

    def image(pipeline):
        dice = torch.Generator().manual_seed(0)
        return pipeline("a sks dog", num_inference_steps=2, height=64, width=64, generator=dice).images[0]

    assert image(plain).tobytes() == image(loaded).tobytes() == image(done.pipeline).tobytes()


def test_a_training_that_diverges_is_told_in_one_line(bench):
    with pytest.raises(DreambenchError, match="training dog diverged"):
        bench.train("method.learning_rate=1e30", "method.max_grad_norm=1e30")


def test_eight_bit_adam_is_refused_where_it_cannot_work(bench):
    with pytest.raises(DreambenchError, match="adamw8bit needs a CUDA device"):
        bench.train("method.optimizer=adamw8bit", "runtime.device=cpu")
