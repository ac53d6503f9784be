"""The speedup of a subject's 25 prompts by batches and by prompt embeddings that are computed once.

``dreambench.models.sampling`` and 25 separate calls of the plain diffusers pipeline draw the same 25
images (same seeds, same sampler).

Run: ``python benchmarks/generation.py [--base FOLDER] [--size PIXELS]``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dreambench.dataset import official_prompts
from dreambench.dataset.image_request import ImageRequest
from dreambench.models.base_model import BaseModel, open_base
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import generate
from dreambench.models.schedulers import make_sampler
from dreambench.seeds import stable_seed
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import BaseSpec, RuntimeSpec
from dreambench.store.files import commit_images
from tests.material import tiny


def batched(base: BaseModel, requests: list[ImageRequest], sampler: SamplerSpec, size: int) -> float:
    """Return the seconds that dreambench takes, including the writing of files."""
    pipeline = base.pipeline()
    began = time.perf_counter()
    generate(pipeline, requests, sampler, size, resolve_runtime(RuntimeSpec(device="cpu")), commit_images)
    return time.perf_counter() - began


def one_by_one(base: BaseModel, requests: list[ImageRequest], sampler: SamplerSpec, size: int) -> float:
    """Return the seconds that separate pipeline calls take, including the writing of files."""
    pipeline = base.pipeline()
    pipeline.scheduler = make_sampler(sampler, pipeline.scheduler)
    requests[0].file.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    for request in requests:
        image = pipeline(
            request.prompt,
            num_inference_steps=sampler.steps,
            guidance_scale=sampler.guidance_scale,
            height=size,
            width=size,
            generator=torch.Generator().manual_seed(request.seed),
        ).images[0]
        image.save(request.file)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print both ways' median times and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", help="a pipeline's folder [default: the tests' tiny one]")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sampler = SamplerSpec(steps=options.steps)
    times: dict[str, list[float]] = {"batched": [], "one by one": []}
    with tempfile.TemporaryDirectory() as folder:
        base = open_base(BaseSpec(model=options.base or str(tiny.build_pipeline(Path(folder) / "base"))))
        for repeat in range(options.repeats):
            for name, way in (("batched", batched), ("one by one", one_by_one)):
                place = Path(folder, name, str(repeat))
                requests = [
                    ImageRequest(p.text("dog", "sks"), stable_seed(p.index), place / f"{p.index:02d}-0.png")
                    for p in official_prompts("live")
                ]
                times[name].append(way(base, requests, sampler, options.size))
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, median in medians.items():
        print(f"{name:12} {median:8.2f} s for 25 prompts")
    print(f"ratio        {medians['one by one'] / medians['batched']:8.2f} (bar: 1.3)")


if __name__ == "__main__":
    main()
