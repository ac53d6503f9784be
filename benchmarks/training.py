"""The speedup of a training step by latents and text states that are computed once.

Both steps train the same U-Net on the same photos and class images, with a frozen text encoder and prior
preservation. One reads cached posteriors and text states; the other encodes images and captions in each
step, as common training scripts do. The steps alternate, so that a busy machine slows both.

Run: ``python benchmarks/training.py [--base FOLDER] [--size PIXELS] [--steps N]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import scaled

from dreambench.dataset import read_image
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.finetune.latents import encode_posteriors, pixels
from dreambench.methods.finetune.training_step import DenoisingLoss, dreambooth_loss, make_optimizer
from dreambench.models.base_model import BaseModel, open_base
from dreambench.models.device import resolve_runtime
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from tests.material.tiny_dataset import build_dataset

CAPTIONS = ["a sks dog", "a dog"]


def caption_states(base: BaseModel) -> torch.Tensor:
    """Run the frozen text encoder on both captions."""
    tokens = base.tokenizer(CAPTIONS, padding="max_length", return_tensors="pt").input_ids
    with torch.no_grad():
        return base.frozen("text_encoder")(tokens)[0]


def steps(base: BaseModel, photos: list[Path], size: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return our step and the re-encoding step, on one and the same U-Net."""
    vae, unet = base.frozen("vae"), base.fresh("unet").train()
    schedule = base.family.schedule(base.scheduler)
    posteriors, states = encode_posteriors(base, photos, size), caption_states(base)
    runtime = resolve_runtime(RuntimeSpec(device="cpu"))
    rng = torch.Generator().manual_seed(0)
    loss = DenoisingLoss(
        unet,
        base.family,
        schedule,
        lambda: {"prompt_embeds": states},
        posteriors,
        posteriors,
        1,
        1.0,
        rng,
        runtime,
        size,
    )
    decoded = [pixels(read_image(photo), size) for photo in photos]

    def encoding_step() -> Any:
        batch = torch.stack([decoded[0], decoded[1]])
        with torch.no_grad():
            latents = vae.encode(batch).latent_dist.sample(generator=rng) * vae.config.scaling_factor
        noise = torch.randn(latents.shape, generator=rng)
        timesteps = torch.randint(0, 1000, (2,), generator=rng)
        noisy = schedule.add_noise(latents, noise, timesteps)
        prediction = unet(noisy, timesteps, caption_states(base), return_dict=False)[0]
        return dreambooth_loss(prediction, noise, 1, 1.0)

    optimizer = make_optimizer(list(unet.parameters()), FineTuneOptions(), runtime)

    def whole(terms: Callable[[], Any]) -> Callable[[], Any]:
        def step() -> None:
            terms().total.backward()
            torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

        return step

    return whole(loss.terms), whole(encoding_step)


def main() -> None:
    """Measure and print both steps' median times and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", help="a pipeline's folder [default: Stable Diffusion 1.5 at 1/4 width]")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = open_base(BaseSpec(model=options.base or str(scaled.build(Path(folder) / "base"))))
        photos = sorted(build_dataset(Path(folder) / "data", ["dog"]).glob("dog/*.jpg"))
        cached, encoding = steps(base, photos, options.size)
        times: dict[str, list[float]] = {"cached": [], "re-encoding": []}
        for turn in range(options.steps + 3):
            for name, step in (("cached", cached), ("re-encoding", encoding)):
                began = time.perf_counter()
                step()
                if turn >= 3:
                    times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, median in medians.items():
        print(f"{name:12} {1000 * median:9.2f} ms a step")
    print(f"ratio        {medians['re-encoding'] / medians['cached']:9.2f} (bar: 1.3)")


if __name__ == "__main__":
    main()
