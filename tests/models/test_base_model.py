"""The base model: a whole pipeline is opened and named by its bytes; anything else is one clear line."""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from dreambench.models.base_model import BaseModel
from dreambench.runs.memory import shapes_of
from tests.models.opened_pipelines import (
    COMPONENTS,
    CONFIGS,
    WEIGHTS,
    change_config,
    change_weights,
    error_of,
    opened,
    rewrite,
)


def predicts(base: BaseModel) -> str:
    """Return what the denoiser is trained to predict."""
    return str(base.family.schedule(base.scheduler).config.prediction_type)


class TestAWholeModel:
    def test_opens_with_its_name_and_parameterization(self, folder):
        base = opened(folder)
        assert (base.name, predicts(base)) == (str(folder), "epsilon")
        assert base.pipeline().unet.config.in_channels == 4

    def test_shares_frozen_components_and_gives_fresh_ones_to_train(self, folder):
        base = opened(folder)
        frozen = base.frozen("unet")
        assert base.frozen("unet") is frozen
        assert not frozen.training
        assert not any(p.requires_grad for p in frozen.parameters())
        fresh = base.fresh("unet")
        assert fresh is not frozen
        assert all(p.requires_grad and p.dtype == torch.float32 for p in fresh.parameters())
        assert base.pipeline(unet=fresh).unet is fresh
        base.release("unet")
        assert base.frozen("unet") is not frozen

    def test_v_prediction_is_recognised(self, folder):
        change_config(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
        assert predicts(opened(folder)) == "v_prediction"

    def test_a_scheduler_that_does_not_say_predicts_epsilon(self, folder):
        change_config(folder / "scheduler" / "scheduler_config.json", prediction_type=None)
        assert predicts(opened(folder)) == "epsilon"

    def test_the_variant_asked_for_is_the_one_that_is_loaded(self, folder):
        for component, name in WEIGHTS.items():
            half = folder / component / name.replace(".safetensors", ".fp16.safetensors")
            tensors = load_file(folder / component / name)
            save_file({n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}, half)
        full, half = opened(folder).fresh("unet"), opened(folder, variant="fp16").fresh("unet")
        pairs = list(zip(full.parameters(), half.parameters(), strict=True))
        assert all(torch.equal(a.half().float(), b) for a, b in pairs)
        assert any(not torch.equal(a, b) for a, b in pairs)


class TestFingerprint:
    def test_it_stays_when_the_folder_is_moved_or_gets_a_readme(self, folder):
        before = opened(folder).fingerprint
        (folder / "README.md").write_text("a model")
        (folder / "unet" / ".DS_Store").write_text("")
        folder = folder.rename(folder.with_name("elsewhere"))
        assert opened(folder).fingerprint == before
        assert len(before) == 40

    @pytest.mark.parametrize("component", WEIGHTS)
    def test_it_changes_when_one_weight_changes(self, folder, component):
        before = opened(folder).fingerprint

        def nudge(tensors: dict[str, torch.Tensor]) -> None:
            first = sorted(name for name, t in tensors.items() if t.is_floating_point())[0]
            tensors[first].view(-1)[0] += 1e-3

        change_weights(folder / component / WEIGHTS[component], nudge)
        assert opened(folder).fingerprint != before

    def test_the_dtype_that_half_weights_are_loaded_with_does_not_change_it(self, folder):
        def halve(tensors: dict[str, torch.Tensor]) -> None:
            tensors.update({n: t.half() for n, t in tensors.items() if t.is_floating_point()})

        change_weights(folder / "text_encoder" / "model.safetensors", halve)
        found = set()
        for dtype in ("float16", "float32"):
            change_config(folder / "text_encoder" / "config.json", dtype=dtype)
            found.add(opened(folder).fingerprint)
        assert len(found) == 1

    @pytest.mark.parametrize("file", [*CONFIGS, "tokenizer/merges.txt", "tokenizer/tokenizer_config.json"])
    def test_it_changes_when_a_configuration_changes(self, folder, file):
        before = opened(folder).fingerprint
        rewrite(folder / file, (folder / file).read_bytes() + b"\n")
        assert opened(folder).fingerprint != before


class TestMissing:
    @pytest.mark.parametrize("component", COMPONENTS)
    def test_a_missing_component_is_named(self, folder, component):
        shutil.rmtree(folder / component)
        assert f"{folder} lacks its component {component}/" in error_of(lambda: opened(folder))

    @pytest.mark.parametrize("config", CONFIGS)
    def test_a_missing_configuration_is_named(self, folder, config):
        (folder / config).unlink()
        assert f"lacks {config}" in error_of(lambda: opened(folder))

    def test_a_tokenizer_without_a_vocabulary_is_named(self, folder):
        for name in ("tokenizer.json", "vocab.json"):
            (folder / "tokenizer" / name).unlink()
        assert f"{folder / 'tokenizer'} lacks tokenizer.json" in error_of(lambda: opened(folder))

    def test_a_vocabulary_without_its_merges_is_named(self, folder):
        for name in ("tokenizer.json", "merges.txt"):
            (folder / "tokenizer" / name).unlink()
        assert f"{folder / 'tokenizer'} lacks" in error_of(lambda: opened(folder))

    @pytest.mark.parametrize("component", WEIGHTS)
    def test_missing_weights_are_named(self, folder, component):
        (folder / component / WEIGHTS[component]).unlink()
        assert f"{folder / component} contains no *.safetensors" in error_of(lambda: opened(folder))

    @pytest.mark.parametrize("component", WEIGHTS)
    def test_pickled_weights_are_never_read(self, folder, component):
        weights = folder / component / WEIGHTS[component]
        torch.save(load_file(weights), weights.with_suffix(".bin"))
        weights.unlink()
        line = error_of(lambda: opened(folder))
        assert f"{folder / component} contains pickled weights only" in line
        assert "convert the model to safetensors" in line

    def test_a_variant_that_is_not_there_is_named(self, folder):
        assert "contains no *.fp16.safetensors" in error_of(lambda: opened(folder, variant="fp16"))

    def test_a_variant_in_shards_is_found(self, folder):
        for component, name in WEIGHTS.items():
            weights = folder / component / name
            weights.rename(weights.with_name(f"{weights.stem}.fp16-00001-of-00001.safetensors"))
        assert opened(folder, variant="fp16").variant == "fp16"
        assert error_of(lambda: opened(folder)).endswith("set base.variant, such as fp16")

    def test_a_shard_that_is_not_there_is_named_before_anything_is_loaded(self, folder):
        weights = folder / "unet" / WEIGHTS["unet"]
        weights.rename(weights.with_name(f"{weights.stem}-00001-of-00003.safetensors"))
        line = error_of(lambda: opened(folder))
        assert f"{folder / 'unet'} lacks 2 of 3 shards ({weights.stem}-00002-of-00003.safetensors)" in line

    def test_a_link_to_a_file_that_is_not_there_is_no_weights(self, folder):
        weights = folder / "unet" / WEIGHTS["unet"]
        weights.unlink()
        weights.symlink_to(folder / "blobs" / "nothing")
        assert f"{folder / 'unet'} contains no *.safetensors" in error_of(lambda: opened(folder))

    def test_weights_that_are_there_as_a_variant_only_are_told_before_anything_is_loaded(self, folder):
        weights = folder / "unet" / WEIGHTS["unet"]
        weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
        assert "base.variant" in error_of(lambda: opened(folder))


def test_what_a_mac_writes_beside_files_is_not_of_the_model(folder):
    before = opened(folder)
    for component in ("unet", "vae", "tokenizer"):
        for name in (".DS_Store", "._config.json", "._diffusion_pytorch_model.safetensors"):
            (folder / component / name).write_bytes(b"\0\5\x16\7Mac OS X")
    after = opened(folder)
    assert after.fingerprint == before.fingerprint
    assert shapes_of(folder, after.family) == shapes_of(folder, before.family)
