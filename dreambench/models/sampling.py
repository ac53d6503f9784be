"""Prompts and seeds in, images out: batched over prompts, one generator per image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dreambench.errors import DreambenchError
from dreambench.models.device import Runtime
from dreambench.models.half_weights import half_weights
from dreambench.models.schedulers import make_sampler
from dreambench.spec.run_spec import SamplerSpec


@dataclass(frozen=True)
class ImageRequest:
    """One image to make: its prompt, the seed of its noise, and its file."""

    prompt: str
    seed: int
    file: Path


@dataclass(frozen=True)
class PromptEmbeddings:
    """Text states of each distinct prompt [77, d], and of the negative prompt, computed once."""

    positive: dict[str, torch.Tensor]
    negative: torch.Tensor | None

    @classmethod
    def encode(
        cls, pipeline: Any, prompts: Iterable[str], sampler: SamplerSpec, runtime: Runtime
    ) -> PromptEmbeddings:
        """Encode all distinct prompts in one pass of the pipeline's text encoder."""
        distinct = list(dict.fromkeys(prompts))
        guided = sampler.guidance_scale > 1
        texts = [*distinct, sampler.negative_prompt] if guided else distinct
        with torch.inference_mode(), runtime.autocast():
            states, _ = pipeline.encode_prompt(texts, runtime.device, 1, False)
        return cls(dict(zip(distinct, states, strict=False)), states[-1] if guided else None)

    def batch(self, prompts: Sequence[str]) -> dict[str, torch.Tensor | None]:
        """Return the pipeline's arguments for a batch of prompts."""
        negative = None if self.negative is None else self.negative.expand(len(prompts), -1, -1)
        positive = torch.stack([self.positive[p] for p in prompts])
        return {"prompt_embeds": positive, "negative_prompt_embeds": negative}


def generate(
    pipeline: Any,
    requests: Sequence[ImageRequest],
    sampler: SamplerSpec,
    image_size: int,
    runtime: Runtime,
    commit: Callable[[dict[Path, Any]], None],
    on_images: Callable[[int], None] = lambda count: None,
) -> int:
    """Make the requested images that are not there yet; return how many were made.

    Images are made in fixed batches, cut from the whole list, and handed to ``commit`` batch by batch
    as PIL images by file: a run that is resumed makes its remaining images in the same company as an
    uninterrupted one would, so that their bits are the same. ``on_images`` moves the progress bar.
    """
    size = runtime.generation_batch()
    batches = [requests[i : i + size] for i in range(0, len(requests), size)]
    todo = [batch for batch in batches if not all(r.file.exists() for r in batch)]
    on_images(len(requests) - sum(map(len, todo)))
    if not todo:
        return 0
    pipeline.scheduler = make_sampler(sampler, pipeline.scheduler)
    embeddings = PromptEmbeddings.encode(pipeline, [r.prompt for r in requests], sampler, runtime)
    if runtime.device.type == "cuda":
        pipeline.vae.enable_slicing()  # decoding a whole batch would take more memory than drawing it
    runtime.compile(pipeline.unet)

    def one_batch(batch: Sequence[ImageRequest]) -> list[Any]:
        return draw(pipeline, embeddings, batch, sampler, image_size, runtime)

    made = 0
    with half_weights([pipeline.unet, pipeline.vae], runtime):
        for batch in todo:
            missing = sum(not r.file.exists() for r in batch)
            images = _in_parts_that_fit(one_batch, batch)
            commit({r.file: image for r, image in zip(batch, images, strict=True)})
            made += missing
            on_images(len(batch))
    return made


def _in_parts_that_fit(
    draw_batch: Callable[[Sequence[ImageRequest]], list[Any]], batch: Sequence[ImageRequest]
) -> list[Any]:
    """Draw a batch; where the GPU's memory is too small, draw its halves one after the other."""
    try:
        return draw_batch(batch)
    except torch.cuda.OutOfMemoryError:
        if len(batch) == 1:
            raise
    # Outside of the handler, which would keep the failed attempt's tensors alive.
    torch.cuda.empty_cache()
    half = len(batch) // 2
    return _in_parts_that_fit(draw_batch, batch[:half]) + _in_parts_that_fit(draw_batch, batch[half:])


def draw(
    pipeline: Any,
    embeddings: PromptEmbeddings,
    batch: Sequence[ImageRequest],
    sampler: SamplerSpec,
    image_size: int,
    runtime: Runtime,
) -> list[Any]:
    """Draw one batch of images (PIL, RGB, ``image_size`` squared), each from the noise of its seed.

    Latents and guidance are float32 whatever the precision of the forward passes: guidance multiplies the
    difference of two predictions, and so its rounding error, by 7.5. Raises DreambenchError where an image
    is not finite; it would be a black one, and be scored.
    """
    generators = [torch.Generator("cpu").manual_seed(r.seed) for r in batch]
    with torch.inference_mode(), runtime.autocast(), _float32_predictions(pipeline.unet):
        result = pipeline(
            **embeddings.batch([r.prompt for r in batch]),
            num_inference_steps=sampler.steps,
            guidance_scale=sampler.guidance_scale,
            height=image_size,
            width=image_size,
            generator=generators,
            output_type="pt",
        )
    finite = result.images.isfinite().flatten(1).all(dim=1).tolist()
    for request, whole in zip(batch, finite, strict=True):
        if not whole:
            raise DreambenchError(
                f"the image of {request.prompt!r} ({request.file.name}) is not finite",
                "the training diverged or the precision overflowed: lower method.learning_rate, or use "
                "runtime.precision=bf16 or fp32",
            )
    processor = pipeline.image_processor
    return list(processor.numpy_to_pil(processor.pt_to_numpy(result.images)))


@contextmanager
def _float32_predictions(unet: Any) -> Iterator[None]:
    def cast(module: Any, arguments: Any, output: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(each.float() for each in output)

    hook = unet.register_forward_hook(cast)
    try:
        yield
    finally:
        hook.remove()
