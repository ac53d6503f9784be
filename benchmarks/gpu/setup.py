"""The models of the benchmark, built on the spot with random weights: their values cost no time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dreambench.runs.prepare import Prepared, prepare
from dreambench.spec.presets import build_spec
from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, LpipsSpec, ProtocolSpec


@dataclass(frozen=True)
class Setup:
    """What is measured on: a device, the paper's models in full size (or tiny ones), and how much of each."""

    device: torch.device
    folder: Path
    base: Path
    protocol: ProtocolSpec
    tiny: bool
    image_size: int
    training_steps: int
    warm_steps: int
    sampler_steps: int
    batches: tuple[int, ...]
    scored_images: int

    def prepared(self, preset: str = "paper-sd15", base: Path | None = None, **fields: Any) -> Prepared:
        """Prepare a preset's run of a base model on the miniature's photos, with other fields."""
        overrides = {
            "data.folder": "builtin:mini/photos",
            "image_size": self.image_size,
            "identifier.text": "sks",
            "runtime.device": str(self.device),
            "sampler.steps": self.sampler_steps,
            "method.class_sampler.steps": 2,
            "method.class_images": 4,
            "method.steps": self.training_steps,
            **fields,
        }
        words = [f"{name}={'null' if value is None else value}" for name, value in overrides.items()]
        spec = build_spec(preset, {"base.model": str(base or self.base)}, words)
        return prepare(spec.model_copy(update={"protocol": self.protocol}))

    def synchronize(self) -> None:
        """Wait for the device: a GPU works on while the clock is read."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def build_setup(folder: Path, device: torch.device, tiny: bool) -> Setup:
    """Build Stable Diffusion 1.5, CLIP B/32, DINO S/16 and LPIPS below ``folder``, or tiny models."""
    from benchmarks import scaled
    from tests.material import tiny as tiny_models
    from tests.material import tiny_encoders

    encoders = folder / "encoders"
    encoders.mkdir(parents=True, exist_ok=True)
    if tiny:
        protocol = tiny_encoders.build_encoders(encoders).protocol()
        base = tiny_models.build_pipeline(folder / "pipeline")
        return Setup(device, folder, base, protocol, True, 32, 6, 2, 2, (1, 2), 8)
    clip, clip_file = tiny_encoders.build_full_clip(encoders)
    dino, dino_file = tiny_encoders.build_full_dino(encoders)
    protocol = ProtocolSpec(
        metrics=("dino", "clip_i", "clip_t", "div"),
        clip=ClipSpec(model=clip, weights=str(clip_file)),
        dino=DinoSpec(model=dino, weights=str(dino_file)),
        lpips=LpipsSpec(weights=str(tiny_encoders.build_lpips(encoders))),
    )
    base = scaled.build(folder / "pipeline", 1.0)
    return Setup(device, folder, base, protocol, False, 512, 60, 10, 50, (8, 16, 32), 200)
