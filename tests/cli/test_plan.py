"""`dreambench plan`: exact counts, every missing piece, and nothing written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from dreambench.models.base_model import open_base
from dreambench.paths import cache_folder
from dreambench.spec.presets import build_spec
from dreambench.store.class_image_set import ClassImageSet
from tests.cli.material import ROOT, Done, in_a_process, listing, tiny_words
from tests.material.tiny_families import build_family

pytestmark = pytest.mark.slow


class TestPlan:
    def plan(self, dreambench: Callable[..., Done], *words: str) -> dict[str, Any]:
        done = dreambench("plan", *words, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    def test_the_whole_benchmark_is_counted_exactly(self, dreambench, tiny):
        plan = self.plan(dreambench, *tiny_words(tiny))
        counts = {
            "preset": "paper-sd15",
            "method": "dreambooth",
            "base": tiny["base"],
            "subjects": 30,
            "prompts": 25,
            "images": 3000,
            "prior_images": 0,
            "training_steps": 30_000,
            "class_image_sets": 15,
            "class_images": 15_000,
            "class_images_present": 0,
            "missing": [],
        }
        assert {name: plan[name] for name in counts} == counts

    @pytest.mark.parametrize(
        ("preset", "said"),
        [
            ("paper-sd15", "timm/vit_base_patch32_clip_224.openai (hub) will be downloaded"),
            ("mini", "builtin:mini/pipeline"),
        ],
    )
    def test_it_loads_none_of_the_models_libraries(self, preset: str, said: str, tmp_path):
        """Neither without photos and weights nor with all of them; torch only counts GPUs."""
        heavy = {"torchvision", "open_clip", "timm", "lpips", "transformers", "diffusers"}
        heavy |= {"torch._dynamo"} if torch.cuda.is_available() else {"torch"}
        words = f"""import sys
from dreambench.cli import main
try:
    main(["plan", "--preset", "{preset}"])
finally:
    print(sorted({heavy} & set(sys.modules)), file=sys.stderr)
"""
        own = {"PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path), "DREAMBENCH_CACHE": str(tmp_path)}
        command = [sys.executable, "-c", words]
        done = subprocess.run(
            command, env={**os.environ, **own, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "[]\n")
        assert said in done.stdout

    def test_what_does_not_fit_the_base_model_is_said_before_a_run_refuses_it(
        self, dreambench, tiny, tmp_path
    ):
        base = str(build_family("z-image", tmp_path / "base"))
        words = [*tiny_words(tiny, base=base), "--set", "sampler.scheduler=default"]
        plan = self.plan(dreambench, *words, "--set", "method.class_sampler.scheduler=default")
        assert plan["missing"] == [
            "method dreambooth does not train all weights of z-image models; use --method dreambooth-lora"
        ]

    def test_the_official_photos_are_the_same_plan(self, dreambench, tiny, official):
        drawn = self.plan(dreambench, *tiny_words(tiny))
        assert self.plan(dreambench, *tiny_words(tiny, data=str(official))) == drawn
        assert self.plan(dreambench, *tiny_words(tiny, data=str(official.parent))) == drawn

    def test_a_part_of_it_is_counted_exactly(self, dreambench, tiny):
        words = ["--subjects", "dog,dog2,vase", "--prompts", "0-4,7", "--images-per-prompt", "2"]
        words += ["--set", "method.steps=7", "--set", "method.class_images=10", "--metrics", "dino,pres"]
        plan = self.plan(dreambench, *tiny_words(tiny), *words)
        assert (plan["subjects"], plan["prompts"], plan["images"]) == (3, 6, 3 * 6 * 2)
        assert (plan["training_steps"], plan["prior_images"]) == (3 * 7, 3 * 16)
        assert (plan["class_image_sets"], plan["class_images"]) == (2, 20)

    def test_without_prior_preservation_there_are_no_class_images(self, dreambench, tiny):
        plan = self.plan(dreambench, *tiny_words(tiny), "--set", "method.prior_preservation=false")
        assert (plan["class_image_sets"], plan["class_images"], plan["disk_class_images"]) == (0, 0, 0)

    def test_subjects_that_train_without_a_noun_or_with_another_one_have_the_sets_of_their_training(
        self, dreambench, tiny
    ):
        words = [*tiny_words(tiny), "--subjects", "dog,dog2,vase"]
        bare = self.plan(dreambench, *words, "--set", "class_noun.variant=none")
        assert (bare["class_image_sets"], bare["class_images"]) == (0, 0)
        wrong = self.plan(
            dreambench, *words, "--set", "class_noun.variant=wrong", "--set", "class_noun.seed=1"
        )
        assert (wrong["class_image_sets"], wrong["class_images"]) == (3, 3000)

    def test_class_images_that_are_there_are_counted(self, dreambench, tiny):
        words = [*tiny_words(tiny), "--set", "method.class_images=5"]
        spec = build_spec("paper-sd15", {"image_size": 64}, ["method.class_images=5"])
        named = ClassImageSet(
            cache_folder(), open_base(spec.base.model_copy(update={"model": tiny["base"]})).fingerprint,
            "dog", spec.method.class_sampler, 5, 64,
        )  # fmt: skip
        named.folder.mkdir(parents=True)
        for file in named.images[:3]:
            file.write_bytes(b"an image")
        assert self.plan(dreambench, *words)["class_images_present"] == 3

    def test_the_disk_for_weights_is_that_of_one_subject_or_of_all_checkpoints(self, dreambench, tiny):
        weights = {
            c: load_file(next(Path(tiny["base"], c).glob("*.safetensors"))) for c in ("unet", "text_encoder")
        }
        size = {c: sum(t.nbytes for t in tensors.values()) for c, tensors in weights.items()}
        words = tiny_words(tiny)
        assert self.plan(dreambench, *words)["disk_peak"] == sum(size.values())
        assert self.plan(dreambench, *words, "--keep-checkpoints")["disk_peak"] == 30 * sum(size.values())
        frozen = self.plan(dreambench, *words, "--set", "method.train_text_encoder=false")
        assert frozen["disk_peak"] == size["unet"]
        drawn = self.plan(dreambench, *words, "--method", "pretrained", "--keep-checkpoints")
        assert (drawn["disk_peak"], drawn["memory"]) == (0, None)

    def test_activations_are_said_to_be_missing_from_the_memory(self, dreambench, tiny):
        words = tiny_words(tiny)
        assert self.plan(dreambench, *words)["memory"]["activations"] is None
        lines = dreambench("plan", *words).out.splitlines()
        (memory,) = [line for line in lines if line.startswith("memory ")]
        assert ", without activations: " in memory
        (line,) = [line for line in lines if line.startswith("activations ")]
        assert "not counted: they come on top" in line
        assert "runtime.gradient_checkpointing=true" in line

    def test_every_missing_piece_is_listed(self, dreambench, tiny):
        absent = {
            "base": "owner/no-such-model",
            "data": "no-photos",
            "protocol.clip.weights": "no-clip.safetensors",
            "protocol.dino.weights": "no-dino.safetensors",
            "protocol.lpips.weights": "no-lpips.safetensors",
        }
        missing = self.plan(dreambench, *tiny_words(tiny, **absent))["missing"]
        for piece in absent.values():
            assert sum(piece in line for line in missing) == 1, missing
        assert len(missing) == len(absent)
        assert not any("\n" in line for line in missing)

    @pytest.mark.parametrize("piece", ["base", "data", "protocol.clip.weights"])
    def test_one_missing_piece_is_the_only_line(self, dreambench, tiny, piece):
        value = "owner/absent" if piece == "base" else "absent.safetensors"
        [line] = self.plan(dreambench, *tiny_words(tiny, **{piece: value}))["missing"]
        assert value in line

    def test_metrics_that_are_not_wanted_need_no_weights(self, dreambench, tiny):
        absent = {
            "protocol.clip.weights": "no-clip.safetensors",
            "protocol.lpips.weights": "no-lpips.safetensors",
        }
        plan = self.plan(dreambench, *tiny_words(tiny, **absent), "--metrics", "dino")
        assert plan["missing"] == []

    def test_a_base_folder_that_does_not_exist_is_not_said_to_be_downloaded(self, dreambench, tiny):
        [line] = self.plan(dreambench, *tiny_words(tiny, base="./nowhere"))["missing"]
        assert "nowhere is neither a folder nor a hub id" in line
        assert "will be downloaded" not in line

    def test_the_text_says_what_the_json_says(self, dreambench, tiny):
        text = dreambench("plan", *tiny_words(tiny)).out
        for words in ("3,000 to generate", "30,000 steps", "15,000 in 15 sets", "missing         nothing"):
            assert words in text

    def test_the_text_counts_in_good_english_and_leaves_out_what_there_is_none_of(self, dreambench, tiny):
        text = dreambench("plan", *tiny_words(tiny), "--subjects", "dog").out
        assert "in 1 set, " in text
        text = dreambench("plan", *tiny_words(tiny), "--method", "pretrained").out
        assert "class images    none\n" in text
        assert " 0 Bytes" not in text

    def test_nothing_is_written(self, dreambench, tiny, tmp_path):
        folders = (tmp_path, Path(tiny["base"]), Path(tiny["data"]))
        before = listing(*folders)
        self.plan(dreambench, *tiny_words(tiny))
        assert listing(*folders) == before

    def test_in_a_process_of_its_own_stdout_is_one_json_object_and_stderr_empty(self, tiny, tmp_path):
        done = in_a_process("plan", *tiny_words(tiny), "--json", cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert json.loads(done.out)["images"] == 3000
