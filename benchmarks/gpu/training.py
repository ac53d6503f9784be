"""Steps a second of DreamBooth on U-Net and text encoder, beside the step that a plain script takes."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.gpu.rows import Row
from benchmarks.gpu.setup import Setup
from dreambench.dataset import read_image
from dreambench.methods.finetune.latents import pixels
from dreambench.methods.method import Context
from dreambench.progress import reporting
from dreambench.runs.prepare import Prepared
from dreambench.runs.subject import method_context

VARIANTS: dict[str, dict[str, Any]] = {
    "": {},
    ", gradient checkpointing": {"runtime.gradient_checkpointing": True},
    ", 8-bit Adam": {"method.optimizer": "adamw8bit"},
}


def training_speed(setup: Setup) -> Iterator[Row]:
    """Measure our step and its variants, 1 + 1 images, half precision, and the plain step."""
    plain = plain_steps_per_second(setup)
    size = setup.image_size
    for name, fields in VARIANTS.items():
        if fields.get("method.optimizer") and not _has_bitsandbytes(setup):
            yield Row(f"training{name}", "not measured", "it needs a GPU and bitsandbytes")
            continue
        speed, memory = steps_per_second(setup, setup.prepared(**fields))
        beside = f"{speed / plain:.2f} times the plain step's {plain:.2f}; {memory}"
        yield Row(f"training, {size} px, 1 + 1 images{name}: steps a second", f"{speed:.2f}", beside)


def compiled_speed(setup: Setup) -> Iterator[Row]:
    """Measure our step with the denoiser compiled, which takes a minute or more first."""
    if setup.tiny:
        return
    began = time.perf_counter()
    speed, memory = steps_per_second(setup, setup.prepared(**{"runtime.compile": True}))
    first = time.perf_counter() - began - setup.training_steps / speed
    what = f"training, {setup.image_size} px, 1 + 1 images, compiled: steps a second"
    yield Row(what, f"{speed:.2f}", f"{first:.0f} s until it runs at this speed; {memory}")


def steps_per_second(setup: Setup, prepared: Prepared) -> tuple[float, str]:
    """Train one subject; return the steps a second after the warm-up, and the peak of the memory in words."""
    subject, steps = prepared.subjects[0], prepared.spec.method.training_steps()
    warm = min(setup.warm_steps, steps // 3)
    marks: list[float] = []

    def on_step(done: int, total: int) -> None:
        if done in (warm, total):
            setup.synchronize()
            marks.append(time.perf_counter())

    with reporting(None) as silent:
        context = method_context(prepared, subject, silent, cache=setup.folder / "cache")
        context = Context(context.runtime, context.identifier, context.class_images, on_step)
        forget_peak(setup)
        prepared.method.personalize(subject, prepared.base, prepared.spec, context)
    return (steps - warm) / (marks[-1] - marks[0]), peak_memory(setup)


def plain_steps_per_second(setup: Setup) -> float:
    """Measure the step of diffusers' ``train_dreambooth.py``, written out: float32 weights, autocast in half
    precision, images and captions encoded in each step, AdamW as torch makes it by default."""
    prepared = setup.prepared()
    base, runtime = prepared.base, prepared.runtime
    unet, text_encoder = (base.fresh(name).train() for name in ("unet", "text_encoder"))
    vae = base.fresh("vae").to(dtype=runtime.dtype).requires_grad_(False)
    parameters = [*unet.parameters(), *text_encoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=5e-6, weight_decay=1e-2)
    schedule = base.family.schedule(base.scheduler)
    photo = pixels(read_image(prepared.subjects[0].photos[0].path), setup.image_size)
    batch = torch.stack([photo, photo.flip(-1)])
    texts = base.tokenizer(["a sks dog", "a dog"], padding="max_length", max_length=77, return_tensors="pt")

    def step() -> None:
        latents = (
            vae.encode(batch.to(setup.device, runtime.dtype)).latent_dist.sample() * vae.config.scaling_factor
        )
        noise = torch.randn_like(latents)
        timesteps = torch.randint(0, 1000, (2,), device=setup.device)
        noisy = schedule.add_noise(latents, noise, timesteps)
        with runtime.autocast():
            states = text_encoder(texts.input_ids.to(setup.device))[0]
            predicted = unet(noisy.float(), timesteps, states, return_dict=False)[0]
        photos, classes = predicted.float().chunk(2)
        wanted, kept = noise.float().chunk(2)
        (F.mse_loss(photos, wanted) + F.mse_loss(classes, kept)).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return rate(setup, step, setup.warm_steps, setup.training_steps - setup.warm_steps)


def rate(setup: Setup, work: Callable[[], object], warm: int, count: int) -> float:
    """Return how often a second ``work`` runs, measured over ``count`` calls after ``warm`` others."""
    for _ in range(warm):
        work()
    setup.synchronize()
    began = time.perf_counter()
    for _ in range(count):
        work()
    setup.synchronize()
    return count / (time.perf_counter() - began)


def memory_of_two_subjects(setup: Setup) -> Iterator[Row]:
    """Train two subjects one after the other: the second must not need more memory than the first."""
    if setup.device.type != "cuda":
        yield Row("peak memory of two subjects", "not measured", "a CPU does not count it")
        return
    prepared = setup.prepared(**{"method.steps": 5})
    peaks = []
    with reporting(None) as silent:
        for subject in prepared.subjects[:2]:
            context = method_context(prepared, subject, silent, cache=setup.folder / "cache")
            forget_peak(setup)
            personalized = prepared.method.personalize(subject, prepared.base, prepared.spec, context)
            peaks.append(torch.cuda.max_memory_allocated(setup.device) / 2**30)
            del personalized
    ours = f"{peaks[0]:.2f} and {peaks[1]:.2f} GiB"
    yield Row("peak memory of training two subjects in turn", ours, "bar: equal", peaks[1] <= 1.01 * peaks[0])


def peak_memory(setup: Setup) -> str:
    """Return the peak of the GPU's memory in words."""
    if setup.device.type != "cuda":
        return "memory not counted"
    return f"at most {torch.cuda.max_memory_allocated(setup.device) / 2**30:.1f} GiB"


def forget_peak(setup: Setup) -> None:
    """Count the GPU's memory from here on."""
    if setup.device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(setup.device)


def _has_bitsandbytes(setup: Setup) -> bool:
    return setup.device.type == "cuda" and importlib.util.find_spec("bitsandbytes") is not None
