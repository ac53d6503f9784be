"""The interface of a family: everything that depends on the kind of base model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dreambench.errors import DreambenchError
from dreambench.models.families.conditioning import Conditioning
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.registries import FAMILIES

if TYPE_CHECKING:
    import torch

    from dreambench.models.base_model import BaseModel


#: How a pipeline can be shown photos of the subject.
PhotosShown = Literal["ip-adapter", "one photo", "photos"]


@dataclass(frozen=True)
class Noisy:
    """Noisy latents [b, c, h, w] at timesteps [b], the denoiser's target, and the loss's weight.

    ``weight`` is [b, 1, 1, 1], or None if every row weighs 1.
    """

    latents: torch.Tensor
    timesteps: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor | None = None

    def to(self, move: Callable[[torch.Tensor], torch.Tensor]) -> Noisy:
        """Return the same on another device."""
        weight = None if self.weight is None else move(self.weight)
        return Noisy(move(self.latents), move(self.timesteps), move(self.target), weight)

    def again(self, target: torch.Tensor) -> Noisy:
        """Return these rows, and after them the same rows with another target."""
        import torch

        weight = None if self.weight is None else self.weight.repeat(2, 1, 1, 1)
        return Noisy(
            self.latents.repeat(2, 1, 1, 1),
            self.timesteps.repeat(2),
            torch.cat([self.target, target]),
            weight,
        )


class Family(ABC):
    """How pipelines of one kind are built, conditioned, trained and sampled. It has no state.

    ``weighted`` and ``tokenizers`` name the class of each component (``diffusers.UNet2DConditionModel``):
    a name in a downloaded file never decides which code runs. A package adds a family with an entry point
    in the group ``dreambench.families``.
    """

    #: The name in ``dreambench.families``.
    name: ClassVar[str]
    #: Classes of diffusers, as ``model_index.json`` names them.
    pipelines: ClassVar[tuple[str, ...]]
    weighted: ClassVar[Mapping[str, str]]
    tokenizers: ClassVar[Mapping[str, str]]
    denoiser: ClassVar[str] = "transformer"
    #: The layers that get adapters, by component.
    lora_targets: ClassVar[Mapping[str, Sequence[str]]]
    #: The text encoders that a method may train; the outputs of the others are computed once.
    trainable_text_encoders: ClassVar[tuple[str, ...]] = ()
    #: Whether all weights of the denoiser can be trained (``dreambooth``), and new words can be learned.
    full_fine_tuning: ClassVar[bool] = False
    learned_words: ClassVar[bool] = False
    #: Whether ``text_encoder`` is CLIP's, whose vocabulary ranks identifiers.
    clip_text: ClassVar[bool] = True
    #: Whether all frozen weights but the VAE's are held in half precision on a GPU, and text encoders leave
    #: the GPU while images are drawn: for models of 2 to 30 billion parameters.
    large: ClassVar[bool] = True
    #: Whether images are always decoded in float32: some VAEs overflow in float16.
    float32_vae: ClassVar[bool] = True
    #: Whether the negative prompt is encoded differently (``encode_negative``).
    own_negative: ClassVar[bool] = False
    #: How a photo of the subject can be shown: ``ip-adapter``, ``one photo``, ``photos``, or not at all.
    references: ClassVar[PhotosShown | None] = None
    #: Whether every call needs a photo, read together with the prompt (``encode_shown``); nothing is trained.
    draws_from_photos: ClassVar[bool] = False
    #: Whether the pipeline draws only one image per call.
    one_at_a_time: ClassVar[bool] = False
    #: Side of one denoiser token, in latent cells.
    patch: ClassVar[int] = 2

    def text_encoders(self) -> tuple[str, ...]:
        """Return the names of the text encoders."""
        return tuple(name for name in self.weighted if name.startswith("text_encoder"))

    def components(self) -> tuple[str, ...]:
        """Return the names of a base model's folders."""
        return (*self.weighted, *self.tokenizers, "scheduler")

    def check(self, base: BaseModel) -> None:  # noqa: B027 - many families accept everything
        """Raise DreambenchError if a base model's configuration cannot be trained here."""

    def check_sampler(self, sampler: SamplerSpec, field: str) -> None:  # noqa: B027
        """Raise DreambenchError if the spec's ``field`` names a sampler that does not fit."""

    def pipeline_options(self, index: Mapping[str, Any]) -> dict[str, Any]:
        """Return extra arguments for the pipeline's class, from ``model_index.json``."""
        return {}

    def cell(self, base: BaseModel) -> int:
        """Return the side in pixels of one cell of latents."""
        blocks = base.config("vae").get("block_out_channels") or [0]
        return int(2 ** (len(blocks) - 1))

    def native_size(self, base: BaseModel) -> int | None:
        """Return the side in pixels of the images that the model was made for; None if unknown."""
        return None

    @abstractmethod
    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return the pipeline's own prompt embeddings, as ``encode_prompt`` computes them."""

    def encode_shown(
        self, pipeline: Any, prompts: Sequence[str], device: Any, call_arguments: Mapping[str, Any]
    ) -> Conditioning:
        """Return the prompt embeddings for calls with ``call_arguments``, such as the photos shown."""
        return self.encode(pipeline, prompts, device)

    def encode_negative(self, pipeline: Any, prompt: str, device: Any) -> Conditioning:
        """Return the negative prompt's embedding, one row, that guidance moves away from."""
        return self.encode(pipeline, [prompt], device)

    def guided(self, pipeline: Any, sampler: SamplerSpec) -> bool:
        """Whether a sampler also calls the denoiser with the negative prompt."""
        return sampler.guidance_scale > 1

    def arguments(
        self, positive: Conditioning, negative: Conditioning | None, sampler: SamplerSpec, image_size: int
    ) -> dict[str, Any]:
        """Return a pipeline's arguments for a batch: conditioning, guidance and size."""
        away = {f"negative_{name}": value for name, value in (negative or {}).items()}
        size = {"height": image_size, "width": image_size}
        return {**positive, **away, **size, "guidance_scale": sampler.guidance_scale}

    def states(
        self, base: BaseModel, captions: Sequence[str], trained: Mapping[str, Any]
    ) -> Callable[[], Conditioning]:
        """Return a function that returns the captions' conditioning, one row each.

        If no text encoder is among ``trained``, it is computed once, and the encoders leave the GPU.
        """
        import torch

        with torch.no_grad():
            found = self.encode(base.text_pipeline(), captions, base.device)
        base.park(*self.text_encoders())
        return lambda: found

    def text_conditioning(self, outputs: Sequence[Any]) -> Conditioning:
        """Return the conditioning from the text encoders' outputs with hidden states; for learned words."""
        raise DreambenchError(f"{self.name} models cannot learn words", "use --method dreambooth-lora")

    def latent_statistics(self, vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation [n, c, h, w] of the images' latents; pixels are in [-1, 1]."""
        posterior = vae.encode(pixels).latent_dist
        return posterior.mean, posterior.std

    def latent_scaling(self, vae: Any) -> tuple[Any, Any]:
        """Return ``shift`` and ``scale`` from VAE latents to denoiser latents: ``(z - shift) * scale``."""
        return getattr(vae.config, "shift_factor", None) or 0.0, vae.config.scaling_factor

    @abstractmethod
    def schedule(self, scheduler: Any) -> Any:
        """Return the training's noise schedule, made from the base model's scheduler."""

    @abstractmethod
    def corrupt(self, schedule: Any, latents: torch.Tensor, generator: torch.Generator) -> Noisy:
        """Add noise to latents [b, c, h, w] as the training objective requires; all on the CPU."""

    @abstractmethod
    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Return the denoiser's prediction for noisy latents, as [b, c, h, w], comparable with their target.

        ``image_size`` is the side of the images in pixels.
        """


def class_named(name: str) -> Any:
    """Return the class that a family names, such as ``diffusers.AutoencoderKL``."""
    import importlib

    library, _, cls = name.rpartition(".")
    try:
        return getattr(importlib.import_module(library), cls)
    except (ImportError, AttributeError) as error:
        raise DreambenchError(
            f"the installed {library} has no {cls}", f"pip install --upgrade {library}"
        ) from error


def family_of(pipeline: str, where: str) -> Family:
    """Return the family of a pipeline by its class name. Errors name ``where``."""
    for name in FAMILIES.names():
        found: type[Family] = FAMILIES.get(name)
        if pipeline in found.pipelines:
            return found()
    known = sorted(cls for name in FAMILIES.names() for cls in FAMILIES.get(name).pipelines)
    raise DreambenchError(
        f"{where}: {pipeline} is not supported",
        f"supported: {', '.join(known)}; a package adds a family (docs/families.md)",
    )
