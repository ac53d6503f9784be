"""The base model: a text-to-image pipeline by hub id or folder, checked before anything is loaded."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.errors import DreambenchError
from dreambench.models.base_folder import (
    REMEDY,
    check_folder,
    fingerprint_of,
    first_line,
    read_config,
    read_index,
)
from dreambench.models.families.family import Family, class_named, family_of
from dreambench.models.hub import commit_of_snapshot, fetch
from dreambench.models.load_module import layout_of, load_module
from dreambench.models.quantized import quantization_config
from dreambench.models.schedulers import check_scheduler
from dreambench.paths import BUILTIN, located
from dreambench.spec.run_spec import BaseSpec

if TYPE_CHECKING:
    import torch


class BaseModel:
    """A base model in a folder of diffusers' layout.

    ``frozen(name)`` is one shared instance that nobody may change, ``fresh_frozen(name)`` a new one that gets
    adapters, and ``fresh(name)`` a new one to train. They are on ``device``; frozen weights are in
    ``frozen_dtype`` (of small models in part in ``autocast_dtype``), those of large models quantized where
    ``quantize`` says so, trained ones in float32.
    """

    def __init__(self, folder: Path, name: str, fingerprint: str, variant: str | None = None) -> None:
        self.folder, self.name, self.fingerprint, self.variant = folder, name, fingerprint, variant
        self.index = read_index(folder)
        self.family: Family = family_of(str(self.index["_class_name"]), str(folder / "model_index.json"))
        self.quantize = "none"
        self._frozen: dict[str, Any] = {}
        self._tokenizers: dict[str, Any] = {}

    @cached_property
    def device(self) -> torch.device:
        """Where the weights are: the CPU, unless a run sets another device."""
        import torch

        return torch.device("cpu")

    @cached_property
    def frozen_dtype(self) -> torch.dtype:
        """The type of frozen weights: float32, unless a run sets another for a large model."""
        import torch

        return torch.float32

    @cached_property
    def autocast_dtype(self) -> torch.dtype:
        """The type of a small model's frozen weights that are only used in autocast, and cast there.

        float32, unless a run sets half precision on a GPU. The numbers are the same either way.
        """
        import torch

        return torch.float32

    def config(self, component: str) -> dict[str, Any]:
        """Return a component's configuration file as a dict."""
        file = "scheduler_config.json" if component == "scheduler" else "config.json"
        return read_config(self.folder / component / file)

    @property
    def tokenizer(self) -> Any:
        """The pipeline's first tokenizer."""
        return self.tokenizer_of("tokenizer")

    def tokenizer_of(self, component: str) -> Any:
        """Return a shared tokenizer by its component's name, such as ``tokenizer_2``."""
        if component not in self._tokenizers:
            self._tokenizers[component] = self.fresh_tokenizer(component)
        return self._tokenizers[component]

    def fresh_tokenizer(self, component: str = "tokenizer") -> Any:
        """Load a new instance of a tokenizer, which may be given new tokens."""
        cls = class_named(self.family.tokenizers[component])
        try:
            return cls.from_pretrained(self.folder / component)
        except Exception as error:
            raise DreambenchError(
                f"{self.folder / component} cannot be loaded: {first_line(error)}", REMEDY
            ) from error

    @cached_property
    def scheduler(self) -> Any:
        """The pipeline's own scheduler, with the noise schedule that the model was trained with."""
        name = str(self.config("scheduler").get("_class_name"))
        check_scheduler(name, self.folder)
        return class_named(f"diffusers.{name}").from_pretrained(self.folder / "scheduler")

    def native_size(self) -> int | None:
        """Return the side in pixels of the images that the model was made for, if it is known."""
        return self.family.native_size(self)

    def fresh(self, component: str) -> Any:
        """Load a new, trainable instance of a component with weights: float32, on the device."""
        return self.placed(component, self._load(component))

    def fresh_frozen(self, component: str, in_autocast: bool = False) -> Any:
        """Load a new instance of a component whose weights stay as they are, for adapters to be added.

        ``in_autocast`` says that every pass is in autocast; those of a denoiser always are.
        """
        from dreambench.models.device import autocast_weights

        # The VAE is small, and some overflow in half precision.
        dtype = None if component == "vae" else self.frozen_dtype
        kind = self.quantize if self.family.large and component != "vae" else "none"
        module = self._load(component, dtype, kind)
        if not self.family.large and (in_autocast or component == self.family.denoiser):
            for weight in autocast_weights(module):
                weight.data = weight.data.to(self.autocast_dtype)
        return self.placed(component, module).requires_grad_(False)

    def frozen(self, component: str) -> Any:
        """Return the shared, untouched instance of a component, in eval mode and without gradients.

        A denoiser's passes belong in autocast (``fresh_frozen``).
        """
        if component not in self._frozen:
            self._frozen[component] = self.fresh_frozen(component).eval()
        return self._frozen[component].to(self.device)

    def _load(self, component: str, dtype: torch.dtype | None = None, quantize: str = "none") -> Any:
        name = self.family.weighted[component]
        config = quantization_config(name.partition(".")[0], quantize, dtype)
        return load_module(class_named(name), self.folder / component, self.variant, dtype, config)

    def placed(self, component: str, module: Any) -> Any:
        """Return a component's module on the device, its weights in the layout that they have there."""
        return module.to(self.device, memory_format=layout_of(component, module, self.device))

    def release(self, *components: str) -> None:
        """Forget shared instances that are not needed for a while, to give their memory back."""
        for component in components:
            self._frozen.pop(component, None)

    def park(self, *components: str) -> None:
        """Move shared instances to the CPU's memory; their next use brings them back to the device."""
        for component in components:
            if component in self._frozen:
                self._frozen[component].to("cpu")

    def pipeline(self, **trained: Any) -> Any:
        """Return the pipeline of frozen components, or with ``trained`` ones instead (None: left out)."""
        modules = {
            name: trained[name] if name in trained else self.frozen(name) for name in self.family.weighted
        }
        pipeline = class_named(f"diffusers.{self.index['_class_name']}")(
            **{name: module and module.eval() for name, module in modules.items()},
            **{name: trained.get(name) or self.tokenizer_of(name) for name in self.family.tokenizers},
            scheduler=self.scheduler,
            **self.family.pipeline_options(self.index),
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def text_pipeline(self) -> Any:
        """Return the pipeline of text encoders and tokenizers alone, which encodes prompts."""
        return self.pipeline(**dict.fromkeys(self.family.weighted.keys() - set(self.family.text_encoders())))


def is_hub_id(model: str) -> bool:
    """Whether a name that is not a folder can be a model's id on the hub (OWNER/NAME)."""
    return not model.startswith((".", "/", "~", BUILTIN)) and model.count("/") == 1


def open_base(spec: BaseSpec, snapshot: Path | None = None) -> BaseModel:
    """Find a base model (folder, hub cache, or hub), check it and return it, with its fingerprint.

    ``snapshot`` is where the hub's cache has a model by id, if that is known; it is then not asked for. The
    hub's models are named by their commit, other folders by a hash of their content, which takes a minute for
    30 GB. Raises DreambenchError naming the missing component, or what to download and where to put it.
    """
    folder, commit = located(spec.model), None
    if folder.is_file():
        raise DreambenchError(
            f"base.model={spec.model} is a file, and a base model is a folder in diffusers' layout",
            "write one with the pipeline of its kind, such as "
            "StableDiffusionPipeline.from_single_file(FILE).save_pretrained(FOLDER)",
        )
    if not folder.is_dir():
        if not is_hub_id(spec.model):
            raise DreambenchError(
                f"base.model={spec.model} is neither a folder nor a hub id",
                "give --base FOLDER or --base OWNER/NAME",
            )
        folder = snapshot or fetch(spec)
        commit = folder.name if folder.parent.name == "snapshots" else None
    base = BaseModel(folder, spec.model, "", spec.variant)
    check_folder(folder, base.family, spec.variant)
    base.family.check(base)
    components = base.family.components()
    commit = commit or commit_of_snapshot(folder, components)
    base.fingerprint = commit or fingerprint_of(folder, components)
    return base
