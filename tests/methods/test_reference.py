"""Reference methods: the photo reaches the model, as it does in the plain pipeline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from dreambench.cli import main
from dreambench.dataset import load_dataset, read_image
from dreambench.dataset.image_request import ImageRequest
from dreambench.errors import DreambenchError
from dreambench.methods.method import Context
from dreambench.methods.reference import Reference, _folder_of, _square
from dreambench.models.base_model import BaseModel, open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import generate
from dreambench.runs.training_subject import training_subject
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import BaseSpec, RunSpec
from dreambench.store import open_run
from dreambench.store.files import commit_images
from tests.material import tiny as models
from tests.material.tiny_families import build_family

SIZE, PROMPT = 64, "a dog on the beach"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny IP-Adapter for the tiny Stable Diffusion, in the layout of its authors' repository."""
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32,
        patch_size=16, projection_dim=24,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "models" / "image_encoder")
    CLIPImageProcessor(size=32, crop_size=32).save_pretrained(folder / "models" / "image_encoder")
    rng = torch.Generator().manual_seed(1)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=rng)

    tensors = {
        "image_proj.proj.weight": drawn(4 * 32, 24),
        "image_proj.proj.bias": drawn(4 * 32),
        "image_proj.norm.weight": torch.ones(32),
        "image_proj.norm.bias": torch.zeros(32),
    }
    # The U-Net has four attentions to text, of 16 channels each; its processors are counted by ones and twos.
    for number in (1, 3, 5, 7):
        tensors[f"ip_adapter.{number}.to_k_ip.weight"] = drawn(16, 32)
        tensors[f"ip_adapter.{number}.to_v_ip.weight"] = drawn(16, 32)
    save_file(tensors, folder / "models" / "ip-adapter.safetensors")
    return folder


def spec_of(tiny: dict[str, str], base: str, *changes: str) -> RunSpec:
    fields = {"base.model": base, "data.folder": tiny["data"], "method": "reference"}
    return build_spec("paper-sd15", fields, [f"image_size={SIZE}", "training_photos=1", *changes])


def drawn(base: BaseModel, spec: RunSpec, out: Path, steps: int = 2) -> tuple[Any, np.ndarray]:
    """Return the personalized pipeline of the first subject, and one image of it."""
    runtime = resolve_runtime(spec.runtime)
    subject = training_subject(spec, load_dataset(Path(str(spec.data.folder)))["dog"])
    method = Reference()
    method.check(base, spec)
    context = Context(runtime, "sks", lambda *_: pytest.fail("no class images"))
    done = method.personalize(subject, base, spec, context)
    sampler = spec.sampler.model_copy(update={"steps": steps, "scheduler": "default", "guidance_scale": 3.0})
    request = ImageRequest(PROMPT, 7, out)
    generate(
        done.pipeline, [request], sampler, SIZE, runtime, commit_images, call_arguments=done.call_arguments
    )
    return done, np.asarray(Image.open(out)).astype(int)


def first_photo(spec: RunSpec, subject: str = "dog") -> Image.Image:
    return _square(read_image(load_dataset(Path(str(spec.data.folder)))[subject].photos[0].path), SIZE)


def test_ip_adapter_draws_what_plain_diffusers_draws(tiny, adapter, tmp_path):
    from diffusers import StableDiffusionPipeline

    spec = spec_of(
        tiny, tiny["base"], f"method.adapter={adapter}", "method.weight_name=ip-adapter.safetensors"
    )
    base = open_base(spec.base)
    _, ours = drawn(base, spec, tmp_path / "ours.png")
    pipeline = StableDiffusionPipeline.from_pretrained(tiny["base"], safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)

    def plain(**photo: Any) -> np.ndarray:
        rng = torch.Generator().manual_seed(7)
        words = {"num_inference_steps": 2, "guidance_scale": 3.0, "height": SIZE, "width": SIZE}
        return np.asarray(pipeline(PROMPT, generator=rng, **words, **photo).images[0]).astype(int)

    without = plain()
    pipeline.load_ip_adapter(str(adapter), subfolder="models", weight_name="ip-adapter.safetensors")
    pipeline.set_ip_adapter_scale(0.6)
    assert np.abs(ours - plain(ip_adapter_image=first_photo(spec))).max() <= 1
    assert np.abs(ours - without).max() > 3
    # The adapter is in the method's own U-Net, not in the shared one.
    assert "IPAdapter" not in str(base.frozen("unet").attn_processors)


@pytest.mark.parametrize("family", ["flux-kontext", "flux2", "flux2-klein"])
def test_a_model_that_sees_photos_draws_what_its_plain_pipeline_draws(tiny, family, tmp_path):
    import diffusers

    folder = build_family(family, tmp_path / family)
    spec = spec_of(tiny, str(folder))
    base = open_base(spec.base)
    done, ours = drawn(base, spec, tmp_path / "ours.png")
    pipeline = getattr(diffusers, base.index["_class_name"]).from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    kontext = {"max_area": SIZE**2, "_auto_resize": False} if family == "flux-kontext" else {}

    def plain(image: Any) -> np.ndarray:
        rng = torch.Generator().manual_seed(7)
        size = {"num_inference_steps": 2, "guidance_scale": 3.0, "height": SIZE, "width": SIZE}
        drawn = pipeline(prompt=PROMPT, image=image, generator=rng, **size, **kontext)
        return np.asarray(drawn.images[0]).astype(int)

    assert np.abs(ours - plain(first_photo(spec))).max() <= 1
    nearest = np.abs(ours - plain(first_photo(spec))).sum()
    assert nearest < np.abs(ours - plain(first_photo(spec, "vase"))).sum()
    assert not done.trained


def test_what_cannot_be_shown_is_refused(tiny, adapter, tmp_path):
    z_image = build_family("z-image", tmp_path / "z")
    spec = spec_of(tiny, str(z_image))
    with pytest.raises(DreambenchError, match="z-image models cannot be shown a photo; use a base model of"):
        Reference().check(open_base(spec.base), spec)
    kontext = build_family("flux-kontext", tmp_path / "kontext")
    spec = spec_of(tiny, str(kontext), "training_photos=2")
    with pytest.raises(DreambenchError, match="are shown one photo; add --set training_photos=1"):
        Reference().check(open_base(spec.base), spec)
    for changes, message in (
        (["method.weight_name=other.safetensors"], r"other.safetensors\) does not exist"),
        (["method.weight_name=ip-adapter.bin"], r"ip-adapter.bin\) is not a safetensors file"),
        (["method.adapter=nobody/nothing"], r"does not exist here and could not be downloaded"),
    ):
        spec = spec_of(tiny, tiny["base"], f"method.adapter={adapter}", *changes)
        with pytest.raises(DreambenchError, match=message):
            drawn(open_base(BaseSpec(model=tiny["base"])), spec, tmp_path / "x.png")


def test_weights_of_another_family_are_one_line(tiny, adapter, tmp_path):
    sdxl = build_family("sdxl", tmp_path / "sdxl")
    spec = spec_of(tiny, str(sdxl), f"method.adapter={adapter}", "method.weight_name=ip-adapter.safetensors")
    with pytest.raises(DreambenchError, match="does not fit this base model") as error:
        drawn(open_base(spec.base), spec, tmp_path / "x.png")
    assert "\n" not in str(error.value)


def test_an_image_encoder_without_safetensors_is_refused_and_its_parts_are_in_the_fingerprint(
    tiny, adapter, tmp_path
):
    from transformers import CLIPVisionModelWithProjection

    moved = Path(shutil.copytree(adapter, tmp_path / "moved"))
    spec = spec_of(tiny, tiny["base"], f"method.adapter={moved}", "method.weight_name=ip-adapter.safetensors")
    base, encoder = open_base(spec.base), moved / "models" / "image_encoder"
    model = CLIPVisionModelWithProjection.from_pretrained(encoder)
    (encoder / "model.safetensors").unlink()
    torch.save(model.state_dict(), encoder / "pytorch_model.bin")
    with pytest.raises(DreambenchError, match="image_encoder has no safetensors file; add its"):
        Reference().check(base, spec)
    model.save_pretrained(encoder, max_shard_size="5KB")
    parts = sorted(encoder.glob("model-*.safetensors"))
    assert len(parts) > 1
    before = Reference().resolved(base, spec).fingerprint
    parts[-1].write_bytes(parts[-1].read_bytes()[:-1] + b"!")
    assert Reference().resolved(base, spec).fingerprint != before


def test_the_hubs_adapter_is_read_at_the_commit_of_the_runs_key(tiny, adapter, tmp_path, monkeypatch):
    """Without a network, from a cache with two commits of one repository: not from the newest."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--someone--adapter"
    old, new = "1" * 40, "2" * 40
    for commit in (old, new):
        shutil.copytree(adapter, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(new)
    changes = ("method.adapter=someone/adapter", "method.weight_name=ip-adapter.safetensors")
    options = spec_of(tiny, tiny["base"], *changes).method
    assert _folder_of(options).name == new
    assert _folder_of(options.model_copy(update={"fingerprint": old})).name == old
    (repository / "snapshots" / old / "models" / "image_encoder" / "model.safetensors").unlink()
    # Older releases of huggingface_hub do not find a commit of which a file is missing.
    with pytest.raises(DreambenchError, match=r"image_encoder has no safetensors file|does not exist here"):
        _folder_of(options.model_copy(update={"fingerprint": old}))


def test_a_run_scores_twice_and_its_key_names_the_adapters_content(tiny, adapter, tmp_path, capsys):
    weights = "method.weight_name=ip-adapter.safetensors"

    def key(place: Path) -> str:
        spec = spec_of(tiny, tiny["base"], f"method.adapter={place}", weights)
        base = open_base(spec.base)
        return spec.model_copy(update={"method": Reference().resolved(base, spec)}).images_key

    before = key(adapter)
    moved = Path(shutil.copytree(adapter, tmp_path / "moved"))
    assert key(moved) == before
    file = moved / "models" / "ip-adapter.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert key(moved) != before

    encoders = models.options({k: v for k, v in tiny.items() if k not in ("base", "image_size")})
    command = ["run", "--preset", "paper-sd15", "--method", "reference", "--base", tiny["base"], *encoders]
    command += ["--data", tiny["data"], "--subjects", "dog", "--prompts", "0", "--images-per-prompt", "1"]
    sets = ["training_photos=1", f"method.adapter={adapter}", weights]
    sets += [f"image_size={SIZE}", "sampler.steps=1"]
    command += [word for field in sets for word in ("--set", field)]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--metrics", "dino", "--out", str(tmp_path / "run")])
    assert not stop.value.code
    run = open_run(tmp_path / "run")
    assert list(run.record.protocols) == ["all-photos", "input-left-out"]
    scored = [run.of_protocol(name).scores("images")["dino"].iloc[0] for name in run.record.protocols]
    assert scored[0] != scored[1]
    assert "input-left-out" in capsys.readouterr().out
