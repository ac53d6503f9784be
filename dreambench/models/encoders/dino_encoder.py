"""DINO by timm: image embeddings of the paper's preferred metric, and of PRES."""

from __future__ import annotations

import difflib
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

from dreambench.errors import DreambenchError
from dreambench.models.encoders.downloads import HubFile
from dreambench.models.encoders.image_encoder import ImageEncoder, check_image
from dreambench.models.encoders.weight_files import (
    checked_file,
    is_local,
    load_into,
    read_metadata,
    read_tensors,
    refuse_another_name,
)
from dreambench.spec.run_spec import DinoSpec

FIELD = "protocol.dino.weights"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class DinoEncoder(ImageEncoder):
    """A Vision Transformer of timm whose embedding is the class token after the final norm.

    The transform is that of DINO's own evaluation: bicubic resize of the short side to ``resize``
    pixels, centre crop of ``crop``, ImageNet mean and standard deviation.
    """

    def __init__(self, model: nn.Module, resize: int, crop: int, device: torch.device) -> None:
        self.model = model.to(device).float().eval().requires_grad_(False)
        self.device, self.size = device, crop
        self.transform = transforms.Compose(
            [
                transforms.Resize(resize, interpolation=transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(crop),
                transforms.ToTensor(),
                transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            ]
        )

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return [3, crop, crop]: ImageNet-normalised. PIL's bicubic resize always antialiases."""
        tensor: Tensor = self.transform(check_image(image))
        return tensor

    def _embed(self, batch: Tensor) -> Tensor:
        model: Any = self.model
        # norm(x)[:, 0] written out: the pooling and head that a timm version puts behind it do not matter.
        return model.forward_features(batch)[:, 0]


def load_dino(spec: DinoSpec, device: str | torch.device) -> DinoEncoder:
    """Load the DINO model of a protocol.

    ``spec.model`` is a name of timm, ``spec.weights`` is ``hub`` or a safetensors file. An architecture
    that timm does not know by name is read from the file's metadata entry ``timm_config``: the
    content of timm's own ``config.json`` (``architecture`` and ``model_args``).

    Raises DreambenchError, one line, where the weights are missing, pickled, or do not fit, where the
    model has no class token, or where the crop is not the model's input size.
    """
    if is_local(spec.weights):
        file = checked_file(spec.weights, spec.fingerprint, FIELD)
        model = _build(spec, *_architecture(spec, read_metadata(file, FIELD)))
    else:
        file = dino_download(spec).fetch()
        model = _build(spec, spec.model, {})
    _check_geometry(model, spec)
    state = {name: t for name, t in read_tensors(file, FIELD).items() if not name.startswith("head.")}
    load_into(model, state, f"{FIELD}: {file} in {spec.model}")
    return DinoEncoder(model, spec.resize, spec.crop, torch.device(device))


def dino_download(spec: DinoSpec) -> HubFile:
    """Return the file that a timm name stands for. Raises DreambenchError where there is none."""
    import timm

    if spec.weights != "hub":
        raise DreambenchError(
            f"{FIELD}={spec.weights} is neither `hub` nor a file", f"give --set {FIELD}=FILE"
        )
    _check_name(spec)
    pretrained = timm.models.get_pretrained_cfg(spec.model)
    if pretrained is None or not pretrained.hf_hub_id:
        raise DreambenchError(
            f"{FIELD}: timm has no weights of {spec.model} on the hub", f"give a file with --set {FIELD}=FILE"
        )
    file = pretrained.hf_hub_filename or "model.safetensors"
    safe = file.rsplit(".", 1)[0] + ".safetensors"
    return HubFile(pretrained.hf_hub_id, safe, FIELD, f"--set {FIELD}=FILE")


def _is_name(model: str) -> bool:
    import timm

    if any(character in model for character in ":/\\") or not timm.is_model(model):
        return False
    try:
        timm.models.get_pretrained_cfg(model)
    except RuntimeError:  # the architecture exists, the tag after the point does not
        return False
    return True


def _check_name(spec: DinoSpec) -> None:
    import timm

    if not _is_name(spec.model):
        near = difflib.get_close_matches(spec.model, timm.list_models() + timm.list_pretrained("vit_*"), n=1)
        raise DreambenchError(
            f"protocol.dino.model={spec.model} is not a model of timm",
            f"did you mean {near[0]}?" if near else "see timm.list_models()",
        )


def _architecture(spec: DinoSpec, metadata: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return timm's name of the architecture and its arguments for weights from a file."""
    stated = metadata.get("timm_config")
    if stated is None or _is_name(spec.model):
        _check_name(spec)
        return spec.model, {}
    if not isinstance(stated, dict) or not _is_name(str(stated.get("architecture"))):
        raise DreambenchError(f"{FIELD}: {spec.weights}: its timm_config names no architecture of timm")
    refuse_another_name("protocol.dino.model", spec.model, spec.weights)
    return str(stated["architecture"]), dict(stated.get("model_args") or {})


def _build(spec: DinoSpec, name: str, arguments: dict[str, Any]) -> nn.Module:
    import timm

    try:
        model: nn.Module = timm.create_model(name, pretrained=False, **{**arguments, "num_classes": 0})
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise DreambenchError(f"protocol.dino.model={spec.model} cannot be built: {error}") from error
    return model


def _check_geometry(model: Any, spec: DinoSpec) -> None:
    if getattr(model, "cls_token", None) is None or getattr(model, "patch_embed", None) is None:
        raise DreambenchError(
            f"protocol.dino.model={spec.model} has no class token", "use a Vision Transformer that has one"
        )
    if isinstance(getattr(model, "norm", None), nn.Identity):
        raise DreambenchError(f"protocol.dino.model={spec.model} has no norm before its pooling")
    size = tuple(model.patch_embed.img_size or (spec.crop, spec.crop))  # None: any size
    if size != (spec.crop, spec.crop):
        raise DreambenchError(
            f"protocol.dino.crop={spec.crop} is not {spec.model}'s input size ({size[0]} x {size[1]})",
            f"use --set protocol.dino.crop={size[0]}",
        )
    if spec.resize < spec.crop:
        raise DreambenchError(
            f"protocol.dino.resize={spec.resize} is smaller than the crop ({spec.crop})",
            f"use --set protocol.dino.resize={spec.crop} or more",
        )
