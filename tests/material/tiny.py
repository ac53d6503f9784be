"""Tiny, randomly initialised, seeded models in their real formats, and a small drawn dataset.

Every file is what the real library saves or reads: a Stable Diffusion 1.x pipeline in diffusers' folder
layout, and open_clip, timm and lpips state dicts as safetensors. As a script it writes all of them and
prints the options that make dreambench use them::

    dreambench run --data FOLDER/dataset $(python tests/tiny.py FOLDER)
"""

from __future__ import annotations

import colorsys
import csv
import hashlib
import json
import math
import random
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torch import nn

IMAGE_SIZE = 64
SUBJECT_LIST = Path(__file__).resolve().parents[2] / "data" / "subjects.csv"

CLIP_MODEL = "tiny-clip"
CLIP_CONFIG = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2},
}
FULL_CLIP_MODEL = "ViT-B-32-quickgelu"

# Photos are resized to 64 and cropped to 56: the protocol's 256 and 224, divided by 4.
DINO_MODEL = "tiny-dino"
DINO_RESIZE, DINO_CROP = 64, 56
DINO_CONFIG = {
    "architecture": "vit_tiny_patch16_224",
    "model_args": {"img_size": DINO_CROP, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3},
}
FULL_DINO_MODEL = "vit_small_patch16_224.dino"


def build_pipeline(folder: Path, *, prediction_type: str = "epsilon", seed: int = 0) -> Path:
    """Save a complete Stable Diffusion 1.x pipeline for 64-pixel images and return its folder.

    The tokenizer is the real one of CLIP: OpenAI's 49,408 tokens with OpenAI's ids.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            projection_dim=32,
            hidden_act="quick_gelu",
            bos_token_id=49406,
            eos_token_id=49407,
            pad_token_id=1,
        )
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=IMAGE_SIZE,
        scaling_factor=0.18215,
    )
    unet = UNet2DConditionModel(
        sample_size=IMAGE_SIZE // 4,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=32,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    scheduler = DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )
    _make_contrast(vae)
    pipeline = StableDiffusionPipeline(
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    # transformers 5 saves tokenizer.json alone; the files of the real folder are there as well.
    tokenizer.backend_tokenizer.model.save(str(folder / "tokenizer"))
    return folder


def build_tokenizer():
    """Build CLIP's tokenizer from the BPE vocabulary that open_clip ships."""
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import CLIPTokenizer

    source = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(token, token): index for token, index in source.encoder.items()}
    assert len(vocabulary) == 49408
    assert vocabulary["sks</w>"] == 48136
    merges = sorted(source.bpe_ranks, key=source.bpe_ranks.__getitem__)
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)


def _make_contrast(vae: nn.Module) -> None:
    """Scale the decoder's last layer so that random latents become images of full contrast."""
    with torch.no_grad():
        latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0)) / 0.18215
        vae.decoder.conv_out.weight *= 0.5 / vae.decode(latents).sample.std()


def _spread(model: nn.Module, gain: float = 1.5) -> None:
    """Redraw matrices so wide that different images and texts get clearly different embeddings."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2 and "embed" not in name.rsplit(".", 1)[-1]:
                parameter.normal_(std=gain / math.sqrt(parameter[0].numel()))


def build_clip(folder: Path, *, seed: int = 1) -> tuple[str, Path]:
    """Save a tiny open_clip model; return its name and its weights file.

    The file's metadata carries the architecture in the form of open_clip's own ``open_clip_config.json``.
    """
    from open_clip import CLIP

    torch.manual_seed(seed)
    model = CLIP(**CLIP_CONFIG)
    _spread(model)
    file = folder / f"{CLIP_MODEL}.safetensors"
    return CLIP_MODEL, _save(model.state_dict(), file, open_clip_config={"model_cfg": CLIP_CONFIG})


def build_full_clip(folder: Path, *, seed: int = 1) -> tuple[str, Path]:
    """Save ViT-B-32-quickgelu in full size with random weights; return its name and its weights file."""
    from open_clip import CLIP, get_model_config

    torch.manual_seed(seed)
    model = CLIP(**get_model_config(FULL_CLIP_MODEL))
    return FULL_CLIP_MODEL, _save(model.state_dict(), folder / f"{FULL_CLIP_MODEL}.safetensors")


def build_dino(folder: Path, *, seed: int = 2) -> tuple[str, Path]:
    """Save a tiny timm ViT; return its name and its weights file.

    The file's metadata carries the architecture in the form of timm's own ``config.json``.
    """
    import timm

    torch.manual_seed(seed)
    model = timm.create_model(DINO_CONFIG["architecture"], num_classes=0, **DINO_CONFIG["model_args"])
    _spread(model)
    file = folder / f"{DINO_MODEL}.safetensors"
    return DINO_MODEL, _save(model.state_dict(), file, timm_config=DINO_CONFIG)


def build_full_dino(folder: Path, *, seed: int = 2) -> tuple[str, Path]:
    """Save ViT-S/16 in full size with random weights; return its name and its weights file."""
    import timm

    torch.manual_seed(seed)
    model = timm.create_model(FULL_DINO_MODEL, num_classes=0)
    return FULL_DINO_MODEL, _save(model.state_dict(), folder / f"{FULL_DINO_MODEL}.safetensors")


def build_lpips(folder: Path, *, seed: int = 3) -> Path:
    """Save LPIPS with a random AlexNet trunk and the library's own linear layers; return the file."""
    import lpips

    torch.manual_seed(seed)
    with warnings.catch_warnings():  # it asks torchvision for the trunk in a deprecated way
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    # `lins` holds the same tensors as lin0 to lin4 once more, and safetensors stores each once.
    state = {name: t for name, t in model.state_dict().items() if not name.startswith("lins.")}
    return _save(state, folder / "lpips-alex.safetensors")


def _save(state: dict[str, torch.Tensor], file: Path, **metadata: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    save_file({name: t.contiguous() for name, t in state.items()}, file, metadata=texts or None)
    return file


def build_dataset(folder: Path, subjects: Sequence[str] | None = None, *, size: int = IMAGE_SIZE) -> Path:
    """Draw the 30 official subjects (or some), 4 to 6 photos each, as a user's own dataset."""
    lines = [line for line in SUBJECT_LIST.read_text("utf-8").splitlines() if not line.startswith("#")]
    rows = [row for row in csv.DictReader(lines) if subjects is None or row["subject"] in subjects]
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "subjects.csv", "w", newline="", encoding="utf-8") as file:
        names = ("subject", "class_noun", "category")
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        (folder / row["subject"]).mkdir(exist_ok=True)
        for index in range(int(row["photos"])):
            photo = draw_photo(row["subject"], index, size)
            photo.save(folder / row["subject"] / f"{index:02d}.jpg", quality=95)
    return folder


def draw_photo(subject: str, index: int, size: int) -> Image.Image:
    """Draw one photo of a subject: its own shape and colours, the photo's own place and background."""
    own = random.Random(hashlib.sha256(subject.encode()).digest())
    hue, kind, inner = own.random(), own.randrange(3), own.uniform(0.3, 0.7)
    place = random.Random(hashlib.sha256(f"{subject}/{index}".encode()).digest())
    image = Image.new("RGB", (size, size), _colour(place.random(), 0.25, place.uniform(0.5, 1.0)))
    draw = ImageDraw.Draw(image)
    radius = size * place.uniform(0.25, 0.4)
    x, y = (place.uniform(radius, size - radius) for _ in range(2))
    for scale, shift in ((1.0, 0.0), (inner, 0.45)):
        r, colour = radius * scale, _colour(hue + shift, 0.85, 0.9)
        if kind == 0:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
        else:
            draw.regular_polygon((x, y, r), 3 if kind == 1 else 4, rotation=place.randrange(90), fill=colour)
    return image


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def encoder_settings(folder: Path) -> dict[str, str]:
    """Save the three tiny encoders and return the ``--set`` fields that select them."""
    clip_model, clip_weights = build_clip(folder)
    dino_model, dino_weights = build_dino(folder)
    return {
        "protocol.clip.model": clip_model,
        "protocol.clip.weights": str(clip_weights.resolve()),
        "protocol.dino.model": dino_model,
        "protocol.dino.weights": str(dino_weights.resolve()),
        "protocol.dino.resize": str(DINO_RESIZE),
        "protocol.dino.crop": str(DINO_CROP),
        "protocol.lpips.weights": str(build_lpips(folder).resolve()),
    }


def build_all(folder: Path, *, prediction_type: str = "epsilon") -> dict[str, str]:
    """Save the pipeline (``base``), the encoders and the dataset (``data``).

    Returns option values: ``base`` and ``data`` are folders for ``--base`` and ``--data``, every other
    key is a field for ``--set``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "base": str(build_pipeline(folder / "pipeline", prediction_type=prediction_type).resolve()),
        "data": str(build_dataset(folder / "dataset").resolve()),
        "image_size": str(IMAGE_SIZE),
        **encoder_settings(folder / "encoders"),
    }


def options(settings: dict[str, str]) -> list[str]:
    """Return the command-line words of ``build_all``'s settings, but for ``--data``."""
    fields = [(name, value) for name, value in settings.items() if name not in ("base", "data")]
    words = ["--base", settings["base"]] if "base" in settings else []
    return words + [word for name, value in fields for word in ("--set", f"{name}={value}")]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/tiny.py FOLDER")
    print(shlex.join(options(build_all(Path(sys.argv[1])))))
