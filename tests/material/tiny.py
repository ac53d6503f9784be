"""Tiny models with random, seeded weights in their real formats, and a small drawn dataset.

The pipeline is a real Stable Diffusion 1.x pipeline in diffusers' folder layout; encoders and dataset are in
``tiny_encoders`` and ``tiny_dataset``. As a script it writes all of them and prints the options that make
dreambench use them::

    dreambench run --data FOLDER/dataset $(python -m tests.material.tiny FOLDER)
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import torch
from torch import nn

from tests.material.tiny_dataset import IMAGE_SIZE, build_dataset
from tests.material.tiny_encoders import encoder_settings

#: CLIP's vocabulary, and the part of it that tiny models have: all of it takes 0.2 s to load, each time.
CLIP_TOKENS, TINY_TOKENS = 49408, 4096


def build_pipeline(
    folder: Path, *, prediction_type: str = "epsilon", seed: int = 0, tokens: int = TINY_TOKENS
) -> Path:
    """Save a complete Stable Diffusion 1.x pipeline for 64-pixel images and return its folder."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(seed)
    tokenizer = build_tokenizer(tokens)
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=tokens,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=77,
            projection_dim=32,
            hidden_act="quick_gelu",
            bos_token_id=tokens - 2,
            eos_token_id=tokens - 1,
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
    # transformers 5 saves tokenizer.json only; the real folder has vocab.json and merges.txt too.
    tokenizer.backend_tokenizer.model.save(str(folder / "tokenizer"))
    return folder


def build_tokenizer(tokens: int = TINY_TOKENS):
    """Build CLIP's tokenizer, or one of its most frequent tokens, from the vocabulary that open_clip ships.

    All ``CLIP_TOKENS`` have OpenAI's ids.
    """
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import CLIPTokenizer

    source, marks = SimpleTokenizer(), ("<|startoftext|>", "<|endoftext|>")
    pieces = sorted(source.encoder, key=source.encoder.__getitem__)[: tokens - len(marks)]
    vocabulary = {piece: index for index, piece in enumerate((*pieces, *marks))}
    letters = 2 * 256  # a byte is a token by itself, and one at a word's end
    merges = sorted(source.bpe_ranks, key=source.bpe_ranks.__getitem__)[: len(pieces) - letters]
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)


def _make_contrast(vae: nn.Module) -> None:
    """Scale the decoder's last layer so that random latents become images of full contrast."""
    with torch.no_grad():
        latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0)) / 0.18215
        vae.decoder.conv_out.weight *= 0.5 / vae.decode(latents).sample.std()


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
    """Return ``build_all``'s settings as command-line words, without ``--data``."""
    fields = [(name, value) for name, value in settings.items() if name not in ("base", "data")]
    words = ["--base", settings["base"]] if "base" in settings else []
    return words + [word for name, value in fields for word in ("--set", f"{name}={value}")]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.material.tiny FOLDER")
    print(shlex.join(options(build_all(Path(sys.argv[1])))))
