"""DINO by timm: image embeddings of the paper's preferred metric, and of PRES."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torchvision import transforms

from dreambench.errors import DreambenchError
from dreambench.models.encoders.image_encoder import ImageEncoder, WithoutRandomWeights
from dreambench.models.encoders.named_weights import check_timm_name, dino_download, is_timm_name
from dreambench.models.encoders.weight_files import (
    checked_file,
    is_local,
    load_into,
    read_metadata,
    read_tensors,
    refuse_another_name,
)
from dreambench.spec.protocol_spec import DinoSpec

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class DinoEncoder(ImageEncoder):
    """A Vision Transformer of timm whose embedding is the class token after the final norm.

    The transform is that of DINO's own evaluation: bicubic resize of the short side to ``resize``
    pixels, center crop of ``crop``, ImageNet mean and standard deviation.
    """

    def __init__(self, model: nn.Module, resize: int, crop: int, device: torch.device) -> None:
        transform = transforms.Compose(
            [
                # PIL's bicubic resize always antialiases.
                transforms.Resize(resize, interpolation=transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(crop),
                transforms.ToTensor(),
                transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )
        super().__init__(model, transform, crop, device)

    def _embed(self, batch: Tensor) -> Tensor:
        # norm(x)[:, 0] written out: the pooling and head that a timm version puts behind it do not matter.
        tokens: Tensor = self.model.forward_features(batch)[:, 0]
        return tokens


def load_dino(spec: DinoSpec, device: str | torch.device) -> DinoEncoder:
    """Load the DINO model of a protocol.

    ``spec.model`` is a name of timm, ``spec.weights`` is ``hub`` or a safetensors file. An architecture
    that timm does not know by name is read from the file's metadata entry ``timm_config``: the
    content of timm's own ``config.json`` (``architecture`` and ``model_args``).

    Raises DreambenchError, one line, where the weights are missing, pickled, or do not fit, where the
    model has no class token, or where the crop is not the model's input size.
    """
    model = model_for(spec, has_class_token=True)
    return DinoEncoder(model, spec.resize, spec.crop, torch.device(device))


def model_for(spec: DinoSpec, has_class_token: bool = False) -> nn.Module:
    """Return the timm model of some settings with its weights. Raises DreambenchError like ``load_dino``."""
    field = f"{spec.place}.weights"
    if is_local(spec.weights):
        file = checked_file(spec.weights, spec.fingerprint, field)
        model = _build(spec, *_architecture(spec, read_metadata(file, field)))
    else:
        file = dino_download(spec).fetch()
        model = _build(spec, spec.model, {})
    _check_geometry(model, spec, has_class_token)
    state = {name: t for name, t in read_tensors(file, field).items() if not name.startswith("head.")}
    load_into(model, _at_size(state, model, spec), f"{field}: {file} in {spec.model}")
    return model


def _at_size(state: dict[str, Tensor], model: Any, spec: DinoSpec) -> dict[str, Tensor]:
    """Return weights whose position embeddings fit the crop, for models that are made for every size.

    DINOv2 was trained at 518 pixels, and is used at 224. The embeddings are resized as transformers'
    ``Dinov2Embeddings`` does it: bicubic, without antialiasing. The authors' own code for the hub adds an
    offset of 0.1 to the new size, so its embeddings differ a little.
    """
    present, wanted = state.get("pos_embed"), getattr(model, "pos_embed", None)
    if not spec.any_size or present is None or wanted is None or present.shape == wanted.shape:
        return state
    from timm.layers import resample_abs_pos_embed

    fitted = resample_abs_pos_embed(
        present,
        new_size=list(model.patch_embed.grid_size),
        num_prefix_tokens=0 if model.no_embed_class else model.num_prefix_tokens,
        antialias=False,
    )
    return {**state, "pos_embed": fitted}


def _architecture(spec: DinoSpec, metadata: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return timm's name of the architecture and its arguments for weights from a file."""
    stated = metadata.get("timm_config")
    if stated is None or is_timm_name(spec.model):
        check_timm_name(spec)
        return spec.model, {}
    if not isinstance(stated, dict) or not is_timm_name(str(stated.get("architecture"))):
        raise DreambenchError(
            f"{spec.place}.weights: {spec.weights}: its timm_config names no architecture of timm"
        )
    refuse_another_name(f"{spec.place}.model", spec.model, spec.weights)
    return str(stated["architecture"]), dict(stated.get("model_args") or {})


def _build(spec: DinoSpec, name: str, arguments: dict[str, Any]) -> nn.Module:
    import timm

    try:
        size = {"img_size": spec.crop} if spec.any_size else {}
        own = {**size, **arguments, "num_classes": 0}
        with WithoutRandomWeights():
            model: nn.Module = timm.create_model(name, pretrained=False, **own)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise DreambenchError(f"{spec.place}.model={spec.model} cannot be built: {error}") from error
    return model


def _check_geometry(model: Any, spec: DinoSpec, has_class_token: bool) -> None:
    class_token = getattr(model, "cls_token", None)
    if getattr(model, "patch_embed", None) is None or (has_class_token and class_token is None):
        raise DreambenchError(
            f"{spec.place}.model={spec.model} has no class token", "use a Vision Transformer that has one"
        )
    if has_class_token and isinstance(getattr(model, "norm", None), nn.Identity):
        raise DreambenchError(f"{spec.place}.model={spec.model} has no norm before its pooling")
    size = tuple(model.patch_embed.img_size or (spec.crop, spec.crop))  # None: any size
    if size != (spec.crop, spec.crop):
        raise DreambenchError(
            f"{spec.place}.crop={spec.crop} is not {spec.model}'s input size ({size[0]} x {size[1]})",
            f"use --set {spec.place}.crop={size[0]}",
        )
    if spec.resize < spec.crop:
        raise DreambenchError(
            f"{spec.place}.resize={spec.resize} is smaller than the crop ({spec.crop})",
            f"use --set {spec.place}.resize={spec.crop} or more",
        )
