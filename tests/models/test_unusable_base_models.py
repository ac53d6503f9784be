"""A base model of another kind, or with damaged files: one clear line that names the file."""

from __future__ import annotations

import pytest
import torch

from tests.models.opened_pipelines import (
    CONFIGS,
    WEIGHTS,
    change_config,
    change_weights,
    error_of,
    opened,
    rewrite,
)


class TestUnsupported:
    @pytest.mark.parametrize("name", ["KandinskyPipeline", "os", None])
    def test_another_kind_of_pipeline_is_named(self, folder, name):
        change_config(folder / "model_index.json", _class_name=name)
        line = error_of(lambda: opened(folder))
        assert f"{name} is not supported; supported: Flux2KleinPipeline" in line

    def test_a_pipeline_of_another_family_lacks_its_components(self, folder):
        change_config(folder / "model_index.json", _class_name="FluxPipeline")
        assert f"{folder} lacks its component transformer/" in error_of(lambda: opened(folder))

    @pytest.mark.parametrize("name", ["os", "utils", "KarrasVeScheduler", "__builtins__"])
    def test_a_scheduler_that_is_not_known_is_not_looked_up(self, folder, name):
        change_config(folder / "scheduler" / "scheduler_config.json", _class_name=name)
        line = error_of(lambda: opened(folder).scheduler)
        assert f"{name!r} is not a known scheduler; known: DDIMScheduler" in line

    def test_flow_matching_is_refused(self, folder):
        change_config(
            folder / "scheduler" / "scheduler_config.json", _class_name="FlowMatchEulerDiscreteScheduler"
        )
        assert "is a flow-matching model (FlowMatchEulerDiscreteScheduler)" in error_of(
            lambda: opened(folder)
        )

    @pytest.mark.parametrize("prediction", ["sample", "flow_prediction", "x0"])
    def test_another_prediction_than_epsilon_and_v_is_refused(self, folder, prediction):
        change_config(folder / "scheduler" / "scheduler_config.json", prediction_type=prediction)
        line = error_of(lambda: opened(folder))
        assert "flow-matching" in line if prediction == "flow_prediction" else repr(prediction) in line

    def test_an_inpainting_u_net_is_refused(self, folder):
        change_config(folder / "unet" / "config.json", in_channels=9)
        line = error_of(lambda: opened(folder))
        assert "the U-Net takes 9 channels, the VAE has 4" in line
        assert "inpainting" in line


class TestDamaged:
    @pytest.mark.parametrize("content", ["", "{", "not json", "[]", "null", "\xff\xfe"])
    def test_a_broken_model_index_is_named(self, folder, content):
        rewrite(folder / "model_index.json", content.encode("latin-1"))
        assert str(folder / "model_index.json") in error_of(lambda: opened(folder))

    def test_a_missing_model_index_is_named(self, folder):
        (folder / "model_index.json").unlink()
        assert f"{folder / 'model_index.json'} is missing" in error_of(lambda: opened(folder))

    @pytest.mark.parametrize("config", CONFIGS)
    @pytest.mark.parametrize("content", ["", "{", "[]"])
    def test_a_broken_configuration_is_told_with_its_folder(self, folder, config, content):
        rewrite(folder / config, content)
        component = config.split("/")[0]
        assert str(folder / component) in error_of(lambda: opened(folder).frozen(component))

    @pytest.mark.parametrize("component", WEIGHTS)
    def test_truncated_weights_are_told_with_their_folder(self, folder, component):
        weights = folder / component / WEIGHTS[component]
        whole = weights.read_bytes()
        rewrite(weights, whole[: len(whole) // 2])
        assert str(folder / component) in error_of(lambda: opened(folder).frozen(component))

    @pytest.mark.parametrize("component", WEIGHTS)
    def test_empty_weights_are_told_with_their_folder(self, folder, component):
        rewrite(folder / component / WEIGHTS[component], b"")
        assert str(folder / component) in error_of(lambda: opened(folder).frozen(component))

    @pytest.mark.parametrize("component", WEIGHTS)
    def test_a_missing_tensor_is_never_replaced_by_random_numbers(self, folder, component):
        change_weights(
            folder / component / WEIGHTS[component], lambda tensors: tensors.pop(sorted(tensors)[-1])
        )
        assert str(folder / component) in error_of(lambda: opened(folder).frozen(component))

    @pytest.mark.parametrize("component", WEIGHTS)
    def test_a_tensor_of_another_shape_is_refused(self, folder, component):
        def cut(tensors: dict[str, torch.Tensor]) -> None:
            last = sorted(tensors)[-1]
            tensors[last] = tensors[last][:-1].contiguous()

        change_weights(folder / component / WEIGHTS[component], cut)
        assert str(folder / component) in error_of(lambda: opened(folder).frozen(component))

    @pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "tokenizer.json"])
    def test_a_broken_tokenizer_is_told_with_its_folder(self, folder, name):
        if name != "tokenizer.json":
            (folder / "tokenizer" / "tokenizer.json").unlink()
        rewrite(folder / "tokenizer" / name, "{")
        assert str(folder / "tokenizer") in error_of(lambda: opened(folder).tokenizer)
