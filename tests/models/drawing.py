"""Requests of images, and their drawing by a tiny pipeline on the CPU."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dreambench.dataset.image_request import ImageRequest
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import generate
from dreambench.seeds import stable_seed
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import RuntimeSpec
from dreambench.store.files import commit_images

SAMPLER = SamplerSpec(scheduler="ddim", steps=3, guidance_scale=5.0)
PROMPTS = ("a sks dog in the snow", "a sks dog on the beach", "a red sks dog")


def requests(folder, count=7):
    """Return requests of three prompts, each with its own seed."""
    return [
        ImageRequest(PROMPTS[i % 3], stable_seed(0, "dog", i), folder / f"{i:02d}-0.png")
        for i in range(count)
    ]


def make(base, wanted, batch_size=4, sampler=SAMPLER, commit=commit_images):
    """Draw the requests on the CPU; return how many were made."""
    runtime = resolve_runtime(RuntimeSpec(device="cpu", generation_batch_size=batch_size))
    return generate(base.pipeline(), wanted, sampler, 64, runtime, commit)


def read(folder):
    """Return the pixels of the images in a folder by file name."""
    return {p.name: np.asarray(Image.open(p)) for p in sorted(folder.glob("*.png"))}
