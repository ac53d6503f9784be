"""The base model: a Stable Diffusion pipeline by hub id or folder, checked before anything is loaded."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from dreambench.errors import DreambenchError
from dreambench.models.schedulers import Parameterization, parameterization
from dreambench.paths import BUILTIN, located
from dreambench.spec.run_spec import BaseSpec
from dreambench.store.files import sha256_of

_WEIGHTED = ("unet", "vae", "text_encoder")
_COMPONENTS = (*_WEIGHTED, "tokenizer", "scheduler")
_PIPELINES = ("StableDiffusionPipeline",)
_REMEDY = "download the whole model again, or fix the folder"
_HASHED_SUFFIXES = {".json", ".txt", ".model", ".safetensors"}


class BaseModel:
    """A base model in a folder of diffusers' layout.

    ``frozen(name)`` is one shared instance that nobody may change; ``fresh(name)`` is a new instance
    to train. Both are float32 on ``device``.
    """

    def __init__(self, folder: Path, name: str, fingerprint: str, variant: str | None = None) -> None:
        self.folder, self.name, self.fingerprint, self.variant = folder, name, fingerprint, variant
        self.device = torch.device("cpu")
        self._frozen: dict[str, Any] = {}
        self.parameterization: Parameterization = parameterization(self.config("scheduler"), name)

    def config(self, component: str) -> dict[str, Any]:
        """Return a component's configuration file as a dict."""
        file = "scheduler_config.json" if component == "scheduler" else "config.json"
        return _read_config(self.folder / component / file)

    @cached_property
    def tokenizer(self) -> Any:
        """The pipeline's tokenizer."""
        return self.fresh_tokenizer()

    def fresh_tokenizer(self) -> Any:
        """Load a new instance of the tokenizer, which may be given new tokens."""
        from transformers import CLIPTokenizer

        try:
            return CLIPTokenizer.from_pretrained(self.folder / "tokenizer")
        except Exception as error:
            raise DreambenchError(
                f"{self.folder / 'tokenizer'} cannot be loaded: {_first_line(error)}", _REMEDY
            ) from error

    @cached_property
    def scheduler(self) -> Any:
        """The pipeline's own scheduler, with the noise schedule that the model was trained with."""
        import diffusers

        class_name = self.config("scheduler")["_class_name"]
        return getattr(diffusers, class_name).from_pretrained(self.folder / "scheduler")

    def native_size(self) -> int | None:
        """Return the side in pixels of the images that the model was made for, if its config says it."""
        cells = self.config("unet").get("sample_size")
        blocks = self.config("vae").get("block_out_channels") or [0]
        return int(cells) * 2 ** (len(blocks) - 1) if isinstance(cells, int) else None

    def fresh(self, component: str) -> Any:
        """Load a new, trainable instance of ``unet``, ``vae`` or ``text_encoder``: float32, on the device."""
        module = load_module(component_class(component), self.folder / component, self.variant)
        # Convolutions in half precision are faster on a GPU with the channels last.
        last = self.device.type == "cuda" and component != "text_encoder"
        return module.to(self.device, memory_format=torch.channels_last if last else torch.preserve_format)

    def frozen(self, component: str) -> Any:
        """Return the shared, untouched instance of a component, in eval mode and without gradients."""
        if component not in self._frozen:
            self._frozen[component] = self.fresh(component).eval().requires_grad_(False)
        return self._frozen[component]

    def release(self, *components: str) -> None:
        """Forget shared instances that are not needed for a while, to give their memory back."""
        for component in components:
            self._frozen.pop(component, None)

    def pipeline(self, **trained: Any) -> Any:
        """Return a StableDiffusionPipeline of frozen components, with ``trained`` ones in their stead.

        The safety checker is off: it would black out images of the benchmark at random, and a black
        image would be scored.
        """
        from diffusers import StableDiffusionPipeline

        modules = {name: trained.get(name) or self.frozen(name) for name in _WEIGHTED}
        pipeline = StableDiffusionPipeline(
            **{name: module.eval() for name, module in modules.items()},
            tokenizer=trained.get("tokenizer") or self.tokenizer,
            scheduler=self.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


def quiet_libraries() -> None:
    """Take away the loading bars of diffusers and transformers: each subject would show four of them."""
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()


def component_class(component: str) -> Any:
    """Return the class of a component with weights: ``unet``, ``vae`` or ``text_encoder``."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel

    return {"unet": UNet2DConditionModel, "vae": AutoencoderKL, "text_encoder": CLIPTextModel}[component]


def load_module(cls: Any, folder: Path, variant: str | None = None) -> Any:
    """Load a diffusers or transformers module from safetensors as float32; one clear line where it fails."""
    quiet_libraries()
    try:
        module, report = cls.from_pretrained(
            folder, use_safetensors=True, torch_dtype=torch.float32, variant=variant, output_loading_info=True
        )
    except Exception as error:
        raise DreambenchError(
            f"{folder} cannot be loaded as {cls.__name__}: {_first_line(error)}", _REMEDY
        ) from error
    if report["missing_keys"]:  # the libraries would fill them with random numbers
        missing = sorted(report["missing_keys"])
        raise DreambenchError(f"{folder} lacks {len(missing)} weights ({missing[0]} ...)", _REMEDY)
    return module


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _read_config(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DreambenchError(f"{file} is no JSON: {_first_line(error)}", _REMEDY) from error
    if not isinstance(content, dict):
        raise DreambenchError(f"{file} contains no configuration", _REMEDY)
    return content


def is_hub_id(model: str) -> bool:
    """Whether a name that is not a folder can be a model's id on the hub (OWNER/NAME)."""
    return not model.startswith((".", "/", "~", BUILTIN)) and model.count("/") == 1


def open_base(spec: BaseSpec) -> BaseModel:
    """Find a base model (folder, hub cache, or hub), check it and return it, with its fingerprint.

    Raises DreambenchError naming the missing component, or what to download and where to put it.
    """
    folder = located(spec.model)
    if folder.is_dir():
        _check(folder, spec.variant)
        return BaseModel(folder, spec.model, _fingerprint(folder), spec.variant)
    if not is_hub_id(spec.model):
        raise DreambenchError(
            f"base.model={spec.model} is neither a folder nor a hub id",
            "give --base FOLDER or --base OWNER/NAME",
        )
    from dreambench.models.hub import fetch

    folder = fetch(spec)
    _check(folder, spec.variant)
    commit = folder.name if folder.parent.name == "snapshots" else _fingerprint(folder)
    return BaseModel(folder, spec.model, commit, spec.variant)


def _check(folder: Path, variant: str | None) -> None:
    index_file = folder / "model_index.json"
    try:
        index = json.loads(index_file.read_text(encoding="utf-8"))
        if not isinstance(index, dict):
            raise ValueError(index)
    except (FileNotFoundError, ValueError) as error:
        raise DreambenchError(
            f"{index_file} is missing or no JSON", "give --base a folder in diffusers' layout"
        ) from error
    if index.get("_class_name") not in _PIPELINES:
        raise DreambenchError(
            f"{index_file}: {index.get('_class_name')} is not supported",
            f"supported: {', '.join(_PIPELINES)}",
        )
    for component in _COMPONENTS:
        _check_component(folder, component, variant)
    unet, vae = (_read_config(folder / name / "config.json") for name in ("unet", "vae"))
    channels, latent = unet.get("in_channels", 4), vae.get("latent_channels", 4)
    if channels != latent:
        raise DreambenchError(
            f"{folder / 'unet' / 'config.json'}: the U-Net takes {channels} channels, the VAE has {latent}",
            "inpainting and depth models cannot be personalized here; use a text-to-image model",
        )


def _check_component(folder: Path, component: str, variant: str | None) -> None:
    inside = folder / component
    remedy = _REMEDY
    if not inside.is_dir():
        raise DreambenchError(f"base model folder {folder} lacks its component {component}/", remedy)
    if component == "tokenizer":
        files = {file.name for file in inside.iterdir()}
        if "tokenizer.json" not in files and not {"vocab.json", "merges.txt"} <= files:
            raise DreambenchError(f"{inside} lacks tokenizer.json (or vocab.json and merges.txt)", remedy)
        return
    config = inside / ("scheduler_config.json" if component == "scheduler" else "config.json")
    if not config.is_file():
        raise DreambenchError(f"base model folder {folder} lacks {config.relative_to(folder)}", remedy)
    if component in _WEIGHTED:
        _check_weights(inside, variant)


def _check_weights(inside: Path, variant: str | None) -> None:
    suffix = f".{variant}.safetensors" if variant else ".safetensors"
    names = [file.name for file in inside.iterdir() if file.name.endswith(suffix)]
    # Without a variant, model.safetensors or its shards; model.fp16.safetensors is another variant's.
    if variant or any("." not in name.removesuffix(suffix) for name in names):
        if names:
            return
    elif names:
        raise DreambenchError(
            f"{inside} holds {names[0]} only", "set base.variant to the part before .safetensors"
        )
    if any(f.suffix in (".bin", ".ckpt", ".pth", ".pt") for f in inside.iterdir()):
        raise DreambenchError(
            f"{inside} holds pickled weights only, which are never read", "convert the model to safetensors"
        )
    raise DreambenchError(f"{inside} contains no *{suffix}", "download the model again, or set base.variant")


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for component in sorted(_COMPONENTS):
        for file in sorted((folder / component).iterdir()):
            if file.suffix in _HASHED_SUFFIXES:
                digest.update(f"{component}/{file.name} {_content_hash(file)}\n".encode())
    return digest.hexdigest()[:40]


def _content_hash(file: Path) -> str:
    """Return a file's SHA-256; a configuration over float16 weights counts as if it said float16.

    Its ``dtype`` says how plain libraries load the weights. Everything is float32 here, so that the same
    weights are the same model under either word.
    """
    if file.name == "config.json" and _has_half_weights(file.parent):
        text = re.sub(rb'("(?:torch_)?dtype": )"float32"', rb'\1"float16"', file.read_bytes())
        return hashlib.sha256(text).hexdigest()
    return sha256_of(file)


def _has_half_weights(folder: Path) -> bool:
    kinds: set[str] = set()
    for file in folder.glob("*.safetensors"):
        try:
            with safe_open(file, framework="pt") as opened:
                kinds |= {opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):  # a damaged file is named when it is loaded
            return False
    return kinds == {"F16"}
