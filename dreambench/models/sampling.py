"""Prompts and seeds in, images out: batched over prompts, one generator per image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dreambench.dataset.image_request import ImageRequest
from dreambench.errors import DreambenchError
from dreambench.models.device import Runtime, autocast_weights, is_out_of_memory
from dreambench.models.families.conditioning import Conditioning, in_float32, take
from dreambench.models.families.family import Family, family_of
from dreambench.models.schedulers import make_sampler
from dreambench.spec.method_options import SamplerSpec


@dataclass(frozen=True)
class PromptEmbeddings:
    """The conditioning of each distinct prompt, and of the negative prompt, computed once."""

    family: Family
    prompts: tuple[str, ...]
    positive: Conditioning
    negative: Conditioning | None

    @classmethod
    def encode(
        cls,
        pipeline: Any,
        prompts: Iterable[str],
        sampler: SamplerSpec,
        runtime: Runtime,
        call_arguments: Mapping[str, Any] | None = None,
    ) -> PromptEmbeddings:
        """Encode each distinct prompt by the text encoders, beside the photos of ``call_arguments``."""
        family = family_of_pipeline(pipeline)
        distinct = tuple(dict.fromkeys(prompts))
        guided = family.guided(pipeline, sampler)
        together = guided and not family.own_negative
        texts = [*distinct, sampler.negative_prompt] if together else list(distinct)
        for name in family.text_encoders():
            getattr(pipeline, name).to(runtime.device)  # where an earlier use has parked it
        with torch.inference_mode(), runtime.autocast():
            states = in_float32(family.encode_shown(pipeline, texts, runtime.device, call_arguments or {}))
            if together:
                negative = take(states, [len(distinct)])
            elif guided:
                text = sampler.negative_prompt
                negative = in_float32(family.encode_negative(pipeline, text, runtime.device))
        return cls(family, distinct, states, negative if guided else None)

    def batch(self, prompts: Sequence[str], sampler: SamplerSpec, image_size: int) -> dict[str, Any]:
        """Return the pipeline's arguments for a batch of prompts."""
        positive = take(self.positive, [self.prompts.index(p) for p in prompts])
        negative = None if self.negative is None else take(self.negative, [0] * len(prompts))
        return self.family.arguments(positive, negative, sampler, image_size)


def generate(
    pipeline: Any,
    requests: Sequence[ImageRequest],
    sampler: SamplerSpec,
    image_size: int,
    runtime: Runtime,
    commit: Callable[[dict[Path, Any]], None],
    on_images: Callable[[int], None] = lambda count: None,
    call_arguments: Mapping[str, Any] | None = None,
) -> int:
    """Make the requested images that are not there yet; return how many were made.

    Images are made in fixed batches, cut from the whole list, and handed to ``commit`` batch by batch
    as PIL images by file: a run that is resumed makes its remaining images in the same company as an
    uninterrupted one would, so that their bits are the same. ``on_images`` moves the progress bar;
    ``call_arguments`` are further arguments of the pipeline.
    """
    size = 1 if family_of_pipeline(pipeline).one_at_a_time else runtime.generation_batch()
    batches = [requests[i : i + size] for i in range(0, len(requests), size)]
    todo = [batch for batch in batches if not all(r.file.exists() for r in batch)]
    on_images(len(requests) - sum(map(len, todo)))
    if not todo:
        return 0
    pipeline.scheduler = make_sampler(sampler, pipeline.scheduler)
    embeddings = PromptEmbeddings.encode(
        pipeline, [r.prompt for r in requests], sampler, runtime, call_arguments
    )
    family = embeddings.family
    if runtime.device.type == "cuda":
        pipeline.vae.enable_slicing()  # decoding a whole batch would take more memory than drawing it
    denoiser = getattr(pipeline, family.denoiser)
    runtime.compile(denoiser)

    @_PartsThatFit
    def drawn(batch: Sequence[ImageRequest]) -> list[Any]:
        return draw(pipeline, embeddings, batch, sampler, image_size, runtime, call_arguments)

    made = 0
    halved = [denoiser] if family.float32_vae else [denoiser, pipeline.vae]
    with half_weights(halved, runtime), _without_text_encoders(pipeline, family):
        for batch in todo:
            missing = sum(not r.file.exists() for r in batch)
            commit({r.file: image for r, image in zip(batch, drawn(batch), strict=True)})
            made += missing
            on_images(len(batch))
    return made


class _PartsThatFit:
    """Draws batches; where the GPU's memory is too small, their halves one after the other.

    A size that did not fit once is halved without another try.
    """

    def __init__(self, draw_batch: Callable[[Sequence[ImageRequest]], list[Any]]) -> None:
        self._draw_batch, self._too_large = draw_batch, math.inf

    def __call__(self, batch: Sequence[ImageRequest]) -> list[Any]:
        if len(batch) < self._too_large:
            try:
                return self._draw_batch(batch)
            except RuntimeError as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
                self._too_large = len(batch)
            # Outside of the handler, which would keep the failed attempt's tensors alive.
            torch.cuda.empty_cache()
        half = len(batch) // 2
        return self(batch[:half]) + self(batch[half:])


def draw(
    pipeline: Any,
    embeddings: PromptEmbeddings,
    batch: Sequence[ImageRequest],
    sampler: SamplerSpec,
    image_size: int,
    runtime: Runtime,
    call_arguments: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Draw one batch of images (PIL, RGB, ``image_size`` squared), each from the noise of its seed.

    Latents and guidance are float32 whatever the precision of the forward passes: guidance multiplies the
    difference of two predictions, and so its rounding error, by 7.5. Raises DreambenchError where an image
    is not finite; it would be a black one, and be scored.
    """
    generators = [torch.Generator("cpu").manual_seed(r.seed) for r in batch]
    family = embeddings.family
    with torch.inference_mode(), runtime.autocast(), _float32_results(pipeline, family):
        result = pipeline(
            **embeddings.batch([r.prompt for r in batch], sampler, image_size),
            **(call_arguments or {}),
            num_inference_steps=sampler.steps,
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
def half_weights(modules: Iterable[Any], runtime: Runtime) -> Iterator[None]:
    """Hold the linear and convolution weights of ``modules`` in the precision of autocast.

    Autocast computes with the same numbers either way, so the images are the same to the bit; only the cast
    is done once. The weights come back as they were at the end, whatever happens. In float32 nothing is done.
    """
    if runtime.dtype.itemsize == 4:
        yield
        return

    # On an H200, channels last draw an eighth slower (docs/performance.md); on a CPU they are faster.
    on_gpu = runtime.device.type == "cuda"
    layout = torch.contiguous_format if on_gpu else torch.preserve_format

    def changes(weight: torch.Tensor) -> bool:
        last = weight.dtype == runtime.dtype and weight.ndim == 4 and not weight.is_contiguous()
        return (last and on_gpu) or weight.dtype == torch.float32

    weights = [each for module in modules for each in autocast_weights(module) if changes(each)]
    originals = [weight.data for weight in weights]
    try:
        for weight in weights:
            weight.data = weight.data.to(runtime.dtype, memory_format=layout)
        yield
    finally:
        for weight, original in zip(weights, originals, strict=True):
            weight.data = original


@contextmanager
def _without_text_encoders(pipeline: Any, family: Family) -> Iterator[None]:
    """The context in which a large family's text encoders are on the CPU, and not in the pipeline.

    A pipeline takes the device of its first component for its own.
    """
    parked = {name: getattr(pipeline, name) for name in family.text_encoders()} if family.large else {}
    for name, encoder in parked.items():
        setattr(pipeline, name, None)
        encoder.to("cpu")
    try:
        yield
    finally:
        for name, encoder in parked.items():
            setattr(pipeline, name, encoder)


def family_of_pipeline(pipeline: Any) -> Family:
    """Return the family of a diffusers pipeline that a method has returned."""
    return family_of(type(pipeline).__name__, "the method's pipeline")


@contextmanager
def _float32_results(pipeline: Any, family: Family) -> Iterator[None]:
    """The context in which the denoiser answers in float32, and a sensitive VAE decodes in it."""
    denoiser, decode = getattr(pipeline, family.denoiser), pipeline.vae.decode

    def cast(value: Any) -> Any:
        return value.float() if isinstance(value, torch.Tensor) else [cast(each) for each in value]

    def cast_all(module: Any, arguments: Any, output: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(cast(each) for each in output)

    def decode_in_float32(latents: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        with torch.autocast(latents.device.type, enabled=False):
            return decode(latents.float(), *arguments, **options)

    hook = denoiser.register_forward_hook(cast_all)
    if family.float32_vae:
        pipeline.vae.decode = decode_in_float32
    try:
        yield
    finally:
        hook.remove()
        if family.float32_vae:
            del pipeline.vae.decode
