"""A training by dreambench with the start and the draws of a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.training_scripts.recording import Draws, Training, watched
from dreambench.dataset import load_dataset, read_image
from dreambench.methods.finetune import training_step
from dreambench.methods.finetune.latents import ShuffledIndices, pixels
from dreambench.methods.method import Context
from dreambench.methods.textual_inversion import TextualInversionOptions
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.registries import METHODS
from dreambench.spec.run_spec import RunSpec


def replay(
    spec: RunSpec, data: Path, class_images: Path, script: Training, draws: Draws, out: Path
) -> Training:
    """Train the subject ``dog`` as the script did, save what was trained, and return what was computed."""
    base, subject = open_base(spec.base), load_dataset(data)["dog"]
    method = METHODS.get(spec.method.name)()
    files = sorted(class_images.glob("*.png"))
    kept: Any = SimpleNamespace(images=files, latents=out.parent / "class-latents.safetensors")
    context = Context(resolve_runtime(spec.runtime), "sks", lambda noun, sampler, count: kept)
    banks = [_bank([photo.path for photo in subject.photos], spec), _bank(files, spec)]
    logit_normal = base.family.name == "sd3"
    with watched() as seen, _drawn(draws, spec.method, banks, logit_normal), _started(script.start):
        done = method.personalize(subject, base, spec, context)
    seen.losses = [row.total for row in done.losses]
    method.save(done, out)
    return seen


def _bank(files: Sequence[Path], spec: RunSpec) -> list[Tensor]:
    """Return the pixels of image files as dreambench prepares them, with mirror images for a learned word."""
    images = [pixels(read_image(file), spec.image_size) for file in files]
    mirrored = isinstance(spec.method, TextualInversionOptions)
    return [side for image in images for side in (image, image.flip(-1))] if mirrored else images


@contextmanager
def _drawn(
    draws: Draws, options: MethodOptions, banks: Sequence[Sequence[Tensor]], logit_normal: bool
) -> Iterator[None]:
    """The context in which dreambench draws what the script drew, in the order in which it asks."""
    indices, numbers, captions = [], [], []
    size = options.batch_size  # type: ignore[attr-defined]
    for step, batch in enumerate(draws.pixels):
        parts = _images(batch).split(size)
        indices += [_found(part, bank) for part, bank in zip(parts, banks, strict=False)]
        # A script that takes the posterior's mode draws no noise for it, and dreambench multiplies it by 0.
        vae = _images(draws.posterior[step]).split(size) if draws.posterior else [None] * len(parts)
        places = draws.places[step]
        numbers += [*vae, _images(draws.noise[step]), places.logit() if logit_normal else places]
    if isinstance(options, TextualInversionOptions):
        templates = [options.templates.index(text.replace("<subject>", "{}")) for text in draws.captions]
        captions = list(torch.tensor(templates).split(size))
    turns = iter(indices), iter(numbers), iter(captions)

    def instead(function: Any, is_caption: bool = False) -> Any:
        def draw(*arguments: Any, generator: Any = None, **more: Any) -> Any:
            if generator is None:
                return function(*arguments, **more)
            if is_caption and len(arguments) == 2:
                return next(turns[2])
            number = next(turns[1])
            return torch.zeros(arguments[0]) if number is None else number

        return draw

    with ExitStack() as stack:
        stack.enter_context(patch.object(ShuffledIndices, "draw", lambda order, count: next(turns[0])))
        for name in ("randn", "rand", "randint"):
            replaced = instead(getattr(torch, name), is_caption=name == "randint")
            stack.enter_context(patch.object(torch, name, replaced))
        yield


def _images(batch: Tensor) -> Tensor:
    """Return a batch [b, c, h, w]; Qwen-Image's VAE has videos of one frame."""
    return batch.squeeze(2) if batch.ndim == 5 else batch


def _found(rows: Tensor, bank: Sequence[Tensor]) -> Tensor:
    """Return the index in ``bank`` of each image [b, c, h, w]."""
    found = []
    for row in rows:
        apart = [float((row - image).abs().max()) for image in bank]
        if min(apart) > 1e-6:
            raise ValueError(f"the script trained on pixels that are {min(apart):.2g} from ours")
        found.append(apart.index(min(apart)))
    return torch.tensor(found)


@contextmanager
def _started(start: Sequence[Tensor]) -> Iterator[None]:
    """The context in which adapters start as the script's did; all other weights do so by themselves."""
    make = training_step.make_optimizer

    def made(parameters: Sequence[Any], *arguments: Any) -> Any:
        for own, theirs in zip(parameters, start, strict=True):
            if own.shape == theirs.shape:
                own.data.copy_(theirs)
        return make(parameters, *arguments)

    with patch.object(training_step, "make_optimizer", made):
        yield
