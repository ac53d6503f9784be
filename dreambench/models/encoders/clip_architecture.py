"""Which CLIP a name or a file means: open_clip's configuration, activation and merges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dreambench.errors import DreambenchError, did_you_mean
from dreambench.models.encoders.weight_files import refuse_another_name
from dreambench.spec.protocol_spec import ClipSpec


def trained_with_quick_gelu(spec: ClipSpec) -> bool:
    """Whether the weights of a tag were trained with QuickGELU."""
    import open_clip

    tag = open_clip.get_pretrained_cfg(spec.model, spec.weights)
    return bool(tag.get("quick_gelu", spec.weights == "openai"))


def has_config(name: str) -> bool:
    """Whether open_clip knows an architecture by this name."""
    import open_clip

    return ":" not in name and open_clip.get_model_config(name) is not None


def known_config(spec: ClipSpec) -> dict[str, Any]:
    """Return open_clip's configuration of a name. Raises DreambenchError naming the nearest one."""
    import open_clip

    if not has_config(spec.model):
        raise DreambenchError(
            f"{spec.place}.model={spec.model} is not a model of open_clip",
            did_you_mean(spec.model, open_clip.list_models()) or "see open_clip.list_models()",
        )
    config: dict[str, Any] = open_clip.get_model_config(spec.model)
    return config


def named_architecture(spec: ClipSpec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the model's configuration and the transform's for weights by tag."""
    import open_clip

    config = known_config(spec)
    config["quick_gelu"] = trained_with_quick_gelu(spec)
    return config, dict(open_clip.get_pretrained_cfg(spec.model, spec.weights))


def local_architecture(
    spec: ClipSpec, file: Path, metadata: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the model's configuration and the transform's for weights from a file."""
    field = f"{spec.place}.weights"
    stated = metadata.get("open_clip_config")
    if stated is not None and not has_config(spec.model):
        if not isinstance(stated, dict) or not isinstance(stated.get("model_cfg"), dict):
            raise DreambenchError(f"{field}: {spec.weights}: its open_clip_config contains no model_cfg")
        refuse_another_name(f"{spec.place}.model", spec.model, spec.weights)
        return _with_own_merges(stated["model_cfg"], file, field), stated.get("preprocess_cfg", {})
    config = known_config(spec)
    _refuse_unclear_activation(spec, config, metadata.get("activation"))
    return config, {}


def _with_own_merges(config: dict[str, Any], weights: Path, field: str) -> dict[str, Any]:
    """Return the configuration with its tokenizer's merges, where it names some, beside the weights.

    Raises DreambenchError where that file is missing, or lies elsewhere.
    """
    text = dict(config.get("text_cfg", {}))
    arguments = dict(text.get("tokenizer_kwargs", {}))
    name = arguments.get("bpe_path")
    if name is None:
        return config
    merges = weights.parent / str(name)
    if Path(str(name)).name != name or not merges.is_file():
        raise DreambenchError(
            f"{field}: {weights} needs its tokenizer's merges in {merges}, which is not a file",
            "put both files into one folder",
        )
    text["tokenizer_kwargs"] = {**arguments, "bpe_path": str(merges)}
    return {**config, "text_cfg": text}


def _refuse_unclear_activation(spec: ClipSpec, config: dict[str, Any], stated: object) -> None:
    field = f"{spec.place}.weights"
    quick = bool(config.get("quick_gelu", False))
    if stated is not None and stated != ("quick_gelu" if quick else "gelu"):
        raise DreambenchError(
            f"{field}: {spec.weights} says activation: {stated}, which is not {spec.model}'s",
            f"use the {'plain' if quick else '-quickgelu'} name for {spec.place}.model",
        )
    twin = f"{spec.model}-quickgelu"
    if not quick and stated is None and has_config(twin):
        raise DreambenchError(
            f"{field}: a file does not say whether its {spec.model} was trained with QuickGELU, as OpenAI's",
            f"for OpenAI's weights use --set {spec.place}.model={twin}; for others write `activation: gelu` "
            "into the file's safetensors metadata",
        )
