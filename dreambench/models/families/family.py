"""The contract of a family: everything that depends on which kind of model the base model is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch

from dreambench.errors import DreambenchError
from dreambench.models.families.conditioning import Conditioning
from dreambench.spec.method_options import SamplerSpec
from dreambench.spec.registries import FAMILIES

if TYPE_CHECKING:
    from dreambench.models.base_model import BaseModel


#: How a pipeline can be shown photos of the subject.
PhotosShown = Literal["ip-adapter", "one photo", "photos"]


@dataclass(frozen=True)
class Noisy:
    """Noisy latents [b, c, h, w] at timesteps [b], what the denoiser should say, and the loss's weight.

    ``weight`` is [b, 1, 1, 1], or None where every row weighs 1.
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
        weight = None if self.weight is None else self.weight.repeat(2, 1, 1, 1)
        return Noisy(
            self.latents.repeat(2, 1, 1, 1),
            self.timesteps.repeat(2),
            torch.cat([self.target, target]),
            weight,
        )


class Family(ABC):
    """How pipelines of one kind are put together, conditioned, trained and drawn from. It has no state.

    ``weighted`` and ``tokenizers`` name the class of each component (``diffusers.UNet2DConditionModel``):
    a name in a downloaded file never decides which code runs. A package adds a family by an entry point of
    the group ``dreambench.families``.
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
    #: The text encoders that a method may train; the states of others are computed once.
    trainable_text_encoders: ClassVar[tuple[str, ...]] = ()
    #: Whether all weights of the denoiser can be trained (``dreambooth``), and new words learned.
    full_fine_tuning: ClassVar[bool] = False
    learned_words: ClassVar[bool] = False
    #: Whether ``text_encoder`` is CLIP's, by which identifiers are ranked.
    clip_text: ClassVar[bool] = True
    #: Whether frozen weights are held in half precision on a GPU, and text encoders leave it once they have
    #: encoded the prompts: models of 2 to 30 billion parameters.
    large: ClassVar[bool] = True
    #: Whether images are decoded in float32 whatever the precision: some VAEs overflow in float16.
    float32_vae: ClassVar[bool] = True
    #: Whether the negative prompt is encoded in a way of its own (``encode_negative``).
    own_negative: ClassVar[bool] = False
    #: How a photo of the subject can be shown: ``ip-adapter``, ``one photo``, ``photos``, or not at all.
    references: ClassVar[PhotosShown | None] = None
    #: Whether every call needs a photo, beside which prompts are read (``encode_shown``); nothing is trained.
    draws_from_photos: ClassVar[bool] = False
    #: Whether the pipeline draws one image in a call.
    one_at_a_time: ClassVar[bool] = False
    #: Cells of latents in one token of the denoiser, along a side.
    patch: ClassVar[int] = 2

    def text_encoders(self) -> tuple[str, ...]:
        """Return the names of the text encoders."""
        return tuple(name for name in self.weighted if name.startswith("text_encoder"))

    def components(self) -> tuple[str, ...]:
        """Return the folders that a base model consists of."""
        return (*self.weighted, *self.tokenizers, "scheduler")

    def check(self, base: BaseModel) -> None:  # noqa: B027 - many have nothing to refuse
        """Raise DreambenchError where a base model's configuration is not one that can be trained here."""

    def check_sampler(self, sampler: SamplerSpec, field: str) -> None:  # noqa: B027
        """Raise DreambenchError where the spec's ``field`` asks for a sampler that does not fit."""

    def pipeline_options(self, index: Mapping[str, Any]) -> dict[str, Any]:
        """Return further arguments of the pipeline's class, from ``model_index.json``."""
        return {}

    def cell(self, base: BaseModel) -> int:
        """Return the side in pixels of one cell of latents."""
        blocks = base.config("vae").get("block_out_channels") or [0]
        return int(2 ** (len(blocks) - 1))

    def native_size(self, base: BaseModel) -> int | None:
        """Return the side in pixels of the images that the model was made for; None where it is not known."""
        return None

    @abstractmethod
    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Return the pipeline's own states of prompts, as ``encode_prompt`` computes them."""

    def encode_shown(
        self, pipeline: Any, prompts: Sequence[str], device: Any, told: Mapping[str, Any]
    ) -> Conditioning:
        """Return the states of prompts in calls that get the further arguments ``told``, such as photos."""
        return self.encode(pipeline, prompts, device)

    def encode_negative(self, pipeline: Any, prompt: str, device: Any) -> Conditioning:
        """Return the one row that guidance leads away from."""
        return self.encode(pipeline, [prompt], device)

    def guided(self, pipeline: Any, sampler: SamplerSpec) -> bool:
        """Whether a sampler calls the denoiser a second time, with the negative prompt."""
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
        """Return a function that gives the captions' conditioning, one row each.

        Where no text encoder is among ``trained`` it is computed once, and large encoders make room.
        """
        with torch.no_grad():
            found = self.encode(base.text_pipeline(), captions, base.device)
        if self.large:
            base.park(*self.text_encoders())
        return lambda: found

    def text_conditioning(self, outputs: Sequence[Any]) -> Conditioning:
        """Return the conditioning of text encoders' outputs, hidden states included; for learned words."""
        raise DreambenchError(f"{self.name} models do not learn words", "use --method dreambooth-lora")

    def latent_statistics(self, vae: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation [n, c, h, w] of images' latents; pixels are in [-1, 1]."""
        posterior = vae.encode(pixels).latent_dist
        return posterior.mean, posterior.std

    def latent_scaling(self, vae: Any) -> tuple[Any, Any]:
        """Return ``shift`` and ``scale`` that make a VAE's latent the denoiser's: ``(z - shift) * scale``."""
        return getattr(vae.config, "shift_factor", None) or 0.0, vae.config.scaling_factor

    @abstractmethod
    def schedule(self, scheduler: Any) -> Any:
        """Return the noise schedule of the training, made from the base model's scheduler."""

    @abstractmethod
    def corrupt(self, schedule: Any, latents: torch.Tensor, generator: torch.Generator) -> Noisy:
        """Add noise to latents [b, c, h, w] as the training's objective asks for; all are on the CPU."""

    @abstractmethod
    def predict(
        self, denoiser: Any, noisy: Noisy, conditioning: Conditioning, image_size: int
    ) -> torch.Tensor:
        """Return what the denoiser says of noisy latents, as [b, c, h, w], comparable with their target.

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
    """Return the family of a pipeline by its class's name. ``where`` is what the error names."""
    for name in FAMILIES.names():
        found: type[Family] = FAMILIES.get(name)
        if pipeline in found.pipelines:
            return found()
    known = sorted(cls for name in FAMILIES.names() for cls in FAMILIES.get(name).pipelines)
    raise DreambenchError(
        f"{where}: {pipeline} is not supported",
        f"supported: {', '.join(known)}; a package adds a family (docs/families.md)",
    )
