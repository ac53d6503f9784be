"""Images a second: of a subject's prompts by batch size, of class images, and of scoring."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from benchmarks.gpu.training import forget_peak, peak_memory
from benchmarks.scoring_speed import new_run
from dreambench.dataset import read_image
from dreambench.dataset.image_request import ImageRequest
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.scoring import BenchmarkImage, SubjectImages, embed_subject
from dreambench.models.device import resolve_runtime
from dreambench.models.sampling import generate
from dreambench.models.weights import with_fingerprints
from dreambench.runs.prepare import Prepared
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.run_spec import RuntimeSpec
from dreambench.store.files import commit_images


def drawing_speed(setup: Setup) -> Iterator[Row]:
    """Draw images of the paper's sampler in batches of several sizes, and class images by its own sampler."""
    prepared, steps = setup.prepared(), setup.sampler_steps
    samplers = {
        "ddim": SamplerSpec(steps=steps),
        "euler-ancestral": SamplerSpec(scheduler="euler-ancestral", steps=steps),
    }

    first = None
    for batch in setup.batches:
        found = images_per_second(setup, prepared, samplers["ddim"], batch)
        first = first or found
        beside = f"{found / first:.2f} times the first; {peak_memory(setup)}"
        yield Row(
            f"drawing, {setup.image_size} px, {steps} steps, batch {batch}: images a second",
            f"{found:.2f}",
            beside,
        )
        forget_peak(setup)
    chosen = prepared.runtime.generation_batch() if not setup.tiny else setup.batches[-1]
    found = images_per_second(setup, prepared, samplers["euler-ancestral"], chosen)
    yield Row(f"class images, ancestral, batch {chosen}: images a second", f"{found:.2f}")


def images_per_second(setup: Setup, prepared: Prepared, sampler: SamplerSpec, batch: int) -> float:
    """Draw a batch of images after a warm-up of two steps, decoding and writing included."""
    pipeline, spec = prepared.base.pipeline(), prepared.spec.runtime
    runtime = resolve_runtime(spec.model_copy(update={"generation_batch_size": batch}))
    for turn, used in enumerate((sampler.model_copy(update={"steps": 2}), sampler)):
        folder = Path(tempfile.mkdtemp(dir=setup.folder))
        requests = [ImageRequest("a sks dog", i, folder / f"{turn}-{i}.png") for i in range(batch)]
        setup.synchronize()
        began = time.perf_counter()
        generate(pipeline, requests, used, prepared.spec.image_size, runtime, commit_images)
    return batch / (time.perf_counter() - began)


def scoring_speed(setup: Setup) -> Iterator[Row]:
    """Score PNG files, decoding included, beside the bare forward passes of images in memory."""
    files = [_picture(setup, i) for i in range(setup.scored_images)]
    cells = [
        BenchmarkImage("dog", "dog", "live", i // 4, "a dog", "a dog", "recontextualization", i % 4, i, file)
        for i, file in enumerate(files)
    ]
    runtime, batch = resolve_runtime(RuntimeSpec(device=str(setup.device))), 32
    speeds = {}
    embedded = ["dino", "clip_i", "clip_t"]
    for name, metrics in (("", embedded), (" and DIV", [*embedded, "div"])):
        protocol = with_fingerprints(setup.protocol.with_metrics(metrics))
        encoders = ProtocolEncoders(protocol, str(setup.device))
        with ThreadPoolExecutor(runtime.decode_threads()) as pool:
            for part in (cells[:4], cells):  # the first one loads the encoders
                run = new_run(Path(tempfile.mkdtemp(dir=setup.folder)))
                began = time.perf_counter()
                embed_subject(run, "dog", SubjectImages(part, files[:4]), encoders, pool, batch_size=batch)
                speeds[name] = len(files) / (time.perf_counter() - began)
    decoded = [read_image(file) for file in files]
    loaded = [encoders.load(name) for name in ("clip", "dino")]
    prepared = [[encoder.preprocess(image) for image in decoded] for encoder in loaded]
    for _ in range(2):
        setup.synchronize()
        began = time.perf_counter()
        for encoder, ready in zip(loaded, prepared, strict=True):
            for start in range(0, len(ready), batch):
                encoder.forward(torch.stack(ready[start : start + batch]))
        setup.synchronize()
        bare = time.perf_counter() - began
    for name, speed in speeds.items():
        what = f"scoring PNG files of {setup.image_size} px by DINO, CLIP-I, CLIP-T{name}: images a second"
        beside = "" if name else f"bare forward passes of decoded images: {len(files) / bare:.0f}"
        yield Row(what, f"{speed:.0f}", beside)


def _picture(setup: Setup, index: int) -> Path:
    file = setup.folder / "pictures" / f"{index:03d}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    rng, size = np.random.default_rng(index), setup.image_size
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = rng.integers(-6, 7, smooth.shape, dtype=np.int16)
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(file)
    return file
