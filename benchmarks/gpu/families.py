"""Every family of base models on the device, on tiny models: losses and pictures beside those of the CPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import dreambench
from benchmarks.gpu.rows import Row, rows_of
from benchmarks.gpu.setup import Setup
from dreambench.dataset import read_image

LOSSES_BAR = 1e-3
#: Mean distance of two pictures' pixels, of 255, in float32.
PICTURE_BAR = 1.0
#: Families that can be shown a photo without an adapter's weights.
SHOWN_A_PHOTO = ("flux-kontext", "flux2", "flux2-klein")


def families_agree(setup: Setup) -> Iterator[Row]:
    """Train adapters, draw and score in each family on the device and on the CPU; then in half precision."""
    from tests.material.tiny_families import BUILDERS, build_family

    for name in sorted(BUILDERS) if not setup.tiny else ["sdxl"]:
        base = build_family(name, setup.folder / "families" / name)
        yield from rows_of(name, partial(_in_float32, name=name, base=base), setup)
        for kind, fields in _variants(setup, name).items():
            what = f"{name}, {kind}"
            yield from rows_of(what, partial(_finite, name=what, base=base, **fields), setup)


def _in_float32(setup: Setup, name: str, base: Path) -> Iterator[Row]:
    losses, pictures = {}, {}
    for device in ("cpu", str(setup.device)):
        out = base / f"run-{device.replace(':', '-')}"
        _run(out, base, device, {"runtime.precision": "fp32"})
        losses[device] = pd.read_csv(out / "logs" / "dog-loss.csv")["total"].to_numpy()
        pictures[device] = _picture(out)
    ours = str(setup.device)
    largest = float(np.abs(losses[ours] - losses["cpu"]).max())
    distance = float(np.abs(pictures[ours] - pictures["cpu"]).mean())
    yield Row(
        f"{name}: loss of 4 steps of adapters, largest distance from the CPU's",
        f"{largest:.1e}",
        f"picture: {distance:.2f} of 255; bars 1e-3 and {PICTURE_BAR:g}",
        largest <= LOSSES_BAR and distance <= PICTURE_BAR,
    )


def _variants(setup: Setup, name: str) -> dict[str, dict[str, Any]]:
    """Return what else has to run, by what it is: half precision, a word, a photo, quantized weights."""
    half: dict[str, Any] = {"runtime.precision": "bf16"}
    found: dict[str, dict[str, Any]] = {"bf16": {"fields": half}}
    found["bf16, checkpointing"] = {"fields": half | {"runtime.gradient_checkpointing": True}}
    if name == "sdxl":
        found["bf16, learned words"] = {"fields": half, "method": "textual-inversion"}
    if name in SHOWN_A_PHOTO:
        found["bf16, shown a photo"] = {"fields": half | {"training_photos": 1}, "method": "reference"}
    if name != "sdxl" and setup.device.type == "cuda":
        for kind, package in (("fp8", "torchao"), ("nf4", "bitsandbytes")):
            if importlib.util.find_spec(package) is not None:
                found[kind] = {"fields": half | {"runtime.quantize": kind}}
    return found


def _finite(
    setup: Setup,
    name: str,
    base: Path,
    fields: dict[str, Any],
    method: str = "dreambooth-lora",
) -> Iterator[Row]:
    out = base / f"run-{name.replace(', ', '-').replace(' ', '-')}"
    _run(out, base, str(setup.device), fields, method)
    yield Row(f"{name}: trained, drawn and scored", "finite", "", True)


def _run(out: Path, base: Path, device: str, fields: dict[str, Any], method: str = "dreambooth-lora") -> None:
    trained = {
        "method.steps": 4,
        "method.class_images": 2,
        "method.class_sampler.steps": 1,
        "method.class_sampler.scheduler": "default",
        "method.learning_rate": 1e-2,
    }
    needed = {"reference": (), "textual-inversion": ("method.steps",)}.get(method, tuple(trained))
    overrides = {
        **{field: trained[field] for field in needed},
        "sampler.scheduler": "default",
        "sampler.steps": 2,
        "image_size": 64 if method == "reference" else 32,  # the least that FLUX.2 is shown
        "identifier.text": "sks",
        "runtime.device": device,
        **fields,
    }
    asked = {"subjects": ["dog"], "prompts": "0", "images_per_prompt": 1, "metrics": ["dino", "clip_t"]}
    dreambench.run(
        "paper-sd15",
        method=method,
        base=str(base),
        data="builtin:mini/photos",
        protocol="mini",
        out=out,
        overrides=overrides,
        **asked,
    )


def _picture(out: Path) -> np.ndarray:
    (file,) = out.glob("images/dog/*.png")
    return np.asarray(read_image(file), dtype=float)
