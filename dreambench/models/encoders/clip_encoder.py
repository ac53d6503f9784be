"""CLIP by open_clip: image and text embeddings of CLIP-I and CLIP-T."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from dreambench.errors import DreambenchError
from dreambench.models.encoders.clip_architecture import local_architecture, named_architecture
from dreambench.models.encoders.image_encoder import ImageEncoder, WithoutRandomWeights
from dreambench.models.encoders.named_weights import clip_download
from dreambench.models.encoders.weight_files import (
    checked_file,
    is_local,
    load_into,
    read_metadata,
    read_tensors,
)
from dreambench.models.exact_float32 import in_float32
from dreambench.spec.protocol_spec import ClipSpec

_TEXTS_AT_ONCE = 64
# OpenAI's own archive keeps these numbers among the weights.
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")


class ClipEncoder(ImageEncoder):
    """An open_clip model with its tokenizer and its transform: bicubic, center crop, normalized."""

    def __init__(
        self, model: Any, transform: Callable[[Image.Image], Tensor], tokenizer: Any, device: torch.device
    ) -> None:
        size = model.visual.image_size
        super().__init__(model, transform, int(size if isinstance(size, int) else size[0]), device)
        self.tokenizer = tokenizer

    def _embed(self, batch: Tensor) -> Tensor:
        rows: Tensor = self.model.encode_image(batch)
        return rows

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return raw embeddings [n, d], float32 on the CPU.

        Raises DreambenchError where a text is longer than the model's context (77 tokens with start
        and end), which open_clip would cut off in silence.
        """
        parts = []
        for text in texts:
            self._check_length(text)
        with torch.inference_mode(), in_float32(self.device):
            for start in range(0, len(texts), _TEXTS_AT_ONCE):
                tokens = self.tokenizer(list(texts[start : start + _TEXTS_AT_ONCE]))
                parts.append(self.model.encode_text(tokens.to(self.device)).float().cpu())
        return torch.cat(parts)

    def _check_length(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"embed_texts takes strings, not {type(text).__name__}")
        length = len(self.tokenizer.encode(text)) + 2
        if length > self.tokenizer.context_length:
            raise DreambenchError(
                f"the caption {text[:40]!r}... has {length} tokens, "
                f"CLIP reads {self.tokenizer.context_length}",
                "shorten the prompt, or leave clip_t out with --metrics",
            )


def load_clip(spec: ClipSpec, device: str | torch.device) -> ClipEncoder:
    """Load the CLIP model of a protocol.

    ``spec.model`` is a name of open_clip. ``spec.weights`` is one of its tags, or a safetensors file:

    - OpenAI's weights use QuickGELU. By tag the activation is the one that the tag's weights were trained
      with, whatever the model's name says (open_clip 3 only warns). A file does not say it, so a name
      that has a ``-quickgelu`` twin is refused for a file, unless the file's metadata says
      ``activation: gelu``.
    - An architecture that open_clip does not know by name is read from the file's metadata entry
      ``open_clip_config``: the content of open_clip's own ``open_clip_config.json``.

    Raises DreambenchError, one line, where the weights are missing, pickled, or do not fit.
    """
    field = f"{spec.place}.weights"
    if is_local(spec.weights):
        file = checked_file(spec.weights, spec.fingerprint, field)
        metadata = read_metadata(file, field)
        config, preprocess = local_architecture(spec, file, metadata)
    else:
        file = clip_download(spec).fetch()
        config, preprocess = named_architecture(spec)
    model = _build(spec, config)
    state = {name: t for name, t in read_tensors(file, field).items() if name not in _NOT_WEIGHTS}
    load_into(model, state, f"{field}: {file} in {spec.model}")
    return ClipEncoder(model, _transform(model, preprocess), _tokenizer(config), torch.device(device))


def _build(spec: ClipSpec, config: dict[str, Any]) -> nn.Module:
    import open_clip

    config = dict(config)
    text = config.get("text_cfg", {})
    if text.get("hf_model_name") or text.get("hf_tokenizer_name") or "multimodal_cfg" in config:
        raise DreambenchError(
            f"{spec.place}.model={spec.model} does not use CLIP's own tokenizer and text tower",
            "use a CLIP model, such as ViT-B-32",
        )
    if "timm_model_name" in config.get("vision_cfg", {}):
        config["vision_cfg"] = {**config["vision_cfg"], "timm_model_pretrained": False}
    model_class = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    try:
        with WithoutRandomWeights():
            model: nn.Module = model_class(**config)
    except (TypeError, ValueError, RuntimeError, KeyError) as error:
        raise DreambenchError(f"{spec.place}.model={spec.model} cannot be built: {error}") from error
    return model


def _transform(model: Any, preprocess: dict[str, Any]) -> Callable[[Image.Image], Tensor]:
    import open_clip

    names = ("mean", "std", "interpolation", "resize_mode")
    chosen = {name: preprocess[name] for name in names if preprocess.get(name) is not None}
    transform: Callable[[Image.Image], Tensor] = open_clip.image_transform(
        model.visual.image_size, is_train=False, **chosen
    )
    return transform


def _tokenizer(config: dict[str, Any]) -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    text = config.get("text_cfg", {})
    return SimpleTokenizer(context_length=text.get("context_length", 77), **text.get("tokenizer_kwargs", {}))
