"""Is the device right? Scores, losses, pictures and a resumed run beside those of the CPU."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import dreambench
from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from dreambench.dataset import read_image
from dreambench.dataset.image_request import ImageRequest
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import generate
from dreambench.models.weights import with_fingerprints
from dreambench.paths import data_folder
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from dreambench.store.files import commit_images

SCORES_BAR, LOSSES_BAR = 1e-4, 1e-3
#: Mean distance of two pictures' pixels, of 255.
PICTURE_BARS = {"fp16": 2.0, "bf16": 6.0}


def scores_agree(setup: Setup) -> Iterator[Row]:
    """Score 20 photos on the device and on the CPU; the largest difference of DINO, CLIP-I and CLIP-T."""
    protocol = with_fingerprints(setup.protocol)
    photos = sorted((data_folder() / "mini" / "photos").glob("*/*.png"))[:25]
    images = [read_image(photo) for photo in photos]
    found: dict[str, dict[str, list[float]]] = {}
    for device in ("cpu", str(setup.device)):
        encoders = ProtocolEncoders(protocol, device)
        for metric in map(get_metric, protocol.metrics):
            if metric.compares not in ("photos", "caption"):
                continue
            encoder = encoders.load(metric.encoder)
            rows = encoder.embed_images(images[5:])
            by_photo = metric.compares == "photos"
            others = encoder.embed_images(images[:5]) if by_photo else encoder.embed_texts(["a dog"] * 20)
            found.setdefault(metric.title, {})[device] = metric.score(rows, others)
    for title, values in found.items():
        ours, theirs = (np.asarray(values[device]) for device in (str(setup.device), "cpu"))
        largest = float(np.abs(ours - theirs).max())
        yield Row(
            f"{title} of 20 photos, largest distance from the CPU's",
            f"{largest:.1e}",
            "bar 1e-4",
            largest <= SCORES_BAR,
        )


def losses_agree(setup: Setup) -> Iterator[Row]:
    """Train 20 steps of the miniature in float32 on both devices; the largest difference of a loss."""
    losses = {}
    for device in ("cpu", str(setup.device)):
        out = setup.folder / f"losses-{device.replace(':', '-')}"
        dreambench.run(
            out=out, device=device, prompts="0", images_per_prompt=1, metrics=["dino"], **_mini(setup)
        )
        losses[device] = pd.read_csv(out / "logs" / "dog-loss.csv")["total"].to_numpy()
    largest = float(np.abs(losses[str(setup.device)] - losses["cpu"]).max())
    what = "loss of 20 steps, largest distance from the CPU's"
    yield Row(what, f"{largest:.1e}", "bar 1e-3", largest <= LOSSES_BAR)


def precisions_agree(setup: Setup) -> Iterator[Row]:
    """Draw four images of the miniature in float32 and in half precision; their mean distance."""
    base = open_base(BaseSpec(model="builtin:mini/pipeline"))
    base.device = setup.device
    pictures: dict[str, np.ndarray] = {}
    half = ("fp16", "bf16") if setup.device.type == "cuda" else ("bf16",)
    count, steps = (1, 2) if setup.tiny else (4, 8)  # bf16 is slow on most CPUs
    for precision in ("fp32", *half):
        runtime = resolve_runtime(RuntimeSpec(device=str(setup.device), precision=precision))  # type: ignore[arg-type]
        files = [setup.folder / "precision" / precision / f"{i}.png" for i in range(count)]
        requests = [ImageRequest("a dog in the snow", i, file) for i, file in enumerate(files)]
        sampler = SamplerSpec(scheduler="dpmsolver++", steps=steps, guidance_scale=2.0)
        generate(base.pipeline(), requests, sampler, 64, runtime, commit_images)
        pictures[precision] = np.stack([np.asarray(read_image(file), dtype=float) for file in files])
    for precision in half:
        distance = float(np.abs(pictures[precision] - pictures["fp32"]).mean())
        bar = PICTURE_BARS[precision]
        yield Row(
            f"pictures in {precision} and float32, mean distance of pixels of 255",
            f"{distance:.2f}",
            f"bar {bar:g}",
            distance <= bar,
        )


def killed_run_resumes(setup: Setup) -> Iterator[Row]:
    """Kill a run while it draws, run it again, and compare its scores with an uninterrupted run's.

    Both train, so the kernels are deterministic: without, two trainings on a GPU differ in their last bits.
    """
    device = str(setup.device)
    whole, killed = setup.folder / "whole", setup.folder / "killed"
    asked = {"device": device, "prompts": "0,1,2,3", "metrics": ["dino", "clip_i", "clip_t"], **_mini(setup)}
    asked["overrides"]["runtime.deterministic"] = True
    dreambench.run(out=whole, **asked)
    code = f"import dreambench; dreambench.run(out={str(killed)!r}, **{asked!r})"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not list(killed.glob("images/*/*.png")):
            time.sleep(0.01)
        process.kill()
    left = len(list(killed.glob("images/*/*.png")))
    dreambench.run(out=killed, **asked)
    ours, theirs = (pd.read_parquet(each / "scores" / "images.parquet") for each in (killed, whole))
    columns = ["dino", "clip_i", "clip_t"]
    largest = float((ours[columns] - theirs[columns]).abs().to_numpy().max())
    what, beside = (
        "scores of a run that was killed and resumed, largest distance",
        f"killed at {left} of 16 images",
    )
    yield Row(what, f"{largest:.1e}", f"{beside}; bar 1e-4", largest <= SCORES_BAR)


def _mini(setup: Setup) -> dict[str, Any]:
    fields = {"runtime.precision": "fp32", "runtime.generation_batch_size": 4}
    trained = {"method.class_images": 2 if setup.tiny else 8, "method.steps": 4 if setup.tiny else 20}
    return {"preset": "mini", "subjects": ["dog"], "overrides": {**fields, **trained}}
