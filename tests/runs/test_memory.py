"""The memory that `dreambench plan` prints: what is trained, counted for real, and the arithmetic by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.dataset import load_dataset
from dreambench.methods.method import Context
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.families.stable_diffusion import StableDiffusion
from dreambench.runs.memory import shapes_of, training_memory
from dreambench.spec.presets import build_spec
from dreambench.spec.registries import METHODS

SD15 = {"unet": 859_520_964, "text_encoder": 123_060_480, "vae": 83_653_863}


def _spec(tiny, method: str, *changes: str):
    fields = {"base.model": tiny["base"], "data.folder": tiny["data"], "method": method}
    small = ["image_size=64", "method.steps=1", *changes]
    return build_spec("paper-sd15", fields, small)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("dreambooth", ["method.prior_preservation=false"]),
        ("dreambooth", ["method.prior_preservation=false", "method.train_text_encoder=false"]),
        ("dreambooth-lora", ["method.prior_preservation=false", "method.rank=3"]),
        ("dreambooth-lora", ["method.prior_preservation=false", "method.train_text_encoder=true"]),
        ("textual-inversion", ["method.vectors=2"]),
    ],
)
def test_the_trained_parameters_are_those_that_the_optimizer_gets(tiny, method, changes, monkeypatch):
    from dreambench.methods.finetune import training_step

    given = []
    ours = training_step.make_optimizer

    def counted(parameters, *others):
        given.append(sum(parameter.numel() for parameter in parameters))
        return ours(parameters, *others)

    monkeypatch.setattr(training_step, "make_optimizer", counted)
    spec = _spec(tiny, method, *changes)
    base = open_base(spec.base)
    context = Context(resolve_runtime(spec.runtime), "sks", lambda *_: pytest.fail("no class images"))
    METHODS.get(method)().personalize(load_dataset(Path(tiny["data"]))["dog"], base, spec, context)
    assert (
        training_memory(spec, shapes_of(Path(tiny["base"]), base.family), base.family).trained_parameters
        == given[0]
    )


def _billions(*changes: str) -> float:
    shapes = {name: {"all": (count,)} for name, count in SD15.items()}
    return training_memory(build_spec("paper-sd15", {}, list(changes)), shapes, StableDiffusion()).total / 1e9


def test_stable_diffusion_by_hand():
    """16 bytes a trained parameter and 2 for its cast, 4 for the frozen VAE."""
    trained = SD15["unet"] + SD15["text_encoder"]
    assert _billions() == pytest.approx((18 * trained + 4 * SD15["vae"]) / 1e9)
    assert round(_billions(), 1) == 18.0
    frozen = "method.train_text_encoder=false"
    eight_bit = (4 + 4 + 2 + 2) * SD15["unet"] + 4 * (SD15["vae"] + SD15["text_encoder"])
    assert _billions("method.optimizer=adamw8bit", frozen) == pytest.approx(eight_bit / 1e9)
    assert round(_billions("method.optimizer=adamw8bit", frozen), 1) == 11.1
