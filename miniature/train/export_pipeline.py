"""Stage ``export``: the averaged weights as the files that are shipped, float16 safetensors."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.store.files import write_folder_atomically
from miniature.train.stage import TrainingSession, averaged_weights, save_weights
from miniature.train.tokenizer import tokenizer, write_open_clip_merges
from miniature.train.train_clip import MEAN, MERGES_FILE, STD, build_clip, clip_config
from miniature.train.train_dino import build_dino, dino_config
from miniature.train.train_lpips import trained_lpips
from miniature.train.train_unet import Diffusion, build_scheduler

#: The most that pipeline and encoders may take together, in bytes.
LIMIT = 20_000_000
_PARTS = ("pipeline", "encoders")


def _need(session: TrainingSession, stage: str) -> dict[str, Tensor]:
    weights = averaged_weights(session.work, stage)
    if weights is None:
        raise DreambenchError(f"{session.work} holds no {stage} weights", f"run the stage `{stage}` first")
    return weights


def write_pipeline(session: TrainingSession, folder: Path) -> None:
    """Write the diffusion model as a plain ``StableDiffusionPipeline``, with the VAE its U-Net learned on."""
    from diffusers import AutoencoderKL, StableDiffusionPipeline

    model: Any = Diffusion(session.toy)
    model.load_state_dict(_need(session, "unet"))
    vae = AutoencoderKL.from_pretrained(session.work / "unet" / "vae")
    pipeline = StableDiffusionPipeline(
        vae=vae.half().eval(),
        text_encoder=model.text.half().eval(),
        tokenizer=tokenizer(),
        unet=model.unet.half().eval(),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    # The text encoder's configuration states the dtype to load with. The U-Net's and the VAE's state none and
    # load as float32, so a plain `from_pretrained` has one dtype only if this one says the same.
    config = folder / "text_encoder" / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"float16"', '"float32"'), encoding="utf-8")
    # transformers 5 saves tokenizer.json alone; the files of CLIP's own folder are there as well.
    tokenizer().backend_tokenizer.model.save(str(folder / "tokenizer"))


def write_encoders(session: TrainingSession, folder: Path) -> None:
    """Write the three scorers, each as its own library's state dict."""
    folder.mkdir(parents=True, exist_ok=True)
    clip, dino = build_clip(session.toy), build_dino(session.toy)
    clip.load_state_dict(_need(session, "text"))
    transform = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    stated = {"model_cfg": clip_config(session.toy), "preprocess_cfg": transform}
    save_weights(folder / "clip.safetensors", clip, open_clip_config=stated)
    write_open_clip_merges(folder / MERGES_FILE)
    dino.load_state_dict(_need(session, "dino"))
    save_weights(folder / "dino.safetensors", dino, timm_config=dino_config(session.toy))
    whole = trained_lpips(_need(session, "lpips"))
    del whole.lins  # the same tensors as lin0 to lin4 once more
    save_weights(folder / "lpips.safetensors", whole)


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each file of an exported miniature, by its path in it."""
    files = [file for part in _PARTS for file in sorted((folder / part).rglob("*")) if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}


def export(session: TrainingSession, out: Path, console: Console) -> None:
    """Write ``pipeline`` and ``encoders`` into ``out``, in place of older ones.

    Prints the sizes. Raises ``DreambenchError``, leaving ``out`` as it was, where a stage's weights are
    missing or everything together is larger than ``LIMIT``.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as name:
        fresh = Path(name)
        with torch.inference_mode():
            write_pipeline(session, fresh / "pipeline")
            write_encoders(session, fresh / "encoders")
        told = sizes(fresh)
        for file, size in told.items():
            console.print(f"{size / 1e6:8.3f} MB  {file}", highlight=False)
        total = sum(told.values())
        console.print(f"{total / 1e6:8.3f} MB  in all", highlight=False)
        if total > LIMIT:
            raise DreambenchError(
                f"the miniature takes {total / 1e6:.2f} MB, {LIMIT / 1e6:.0f} MB are allowed",
                "make a network smaller",
            )
        for part in _PARTS:
            shutil.rmtree(out / part, ignore_errors=True)
            write_folder_atomically(out / part, partial(_copy, fresh / part))


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)
