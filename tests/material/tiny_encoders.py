"""Tiny encoders with random, seeded weights: state dicts of open_clip, timm and lpips as safetensors."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from dreambench.spec.protocol_spec import ClipSpec, DinoSpec, LpipsSpec, ProtocolSpec
from dreambench.spec.registries import standard_metrics

CLIP_MODEL = "tiny-clip"
CLIP_CONFIG = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2},
}
FULL_CLIP_MODEL = "ViT-B-32-quickgelu"

# Photos are resized to 64 and cropped to 56: the protocol's 256 and 224, divided by 4.
DINO_MODEL = "tiny-dino"
DINO_RESIZE, DINO_CROP = 64, 56
DINO_CONFIG = {
    "architecture": "vit_tiny_patch16_224",
    "model_args": {"img_size": DINO_CROP, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3},
}
FULL_DINO_MODEL = "vit_small_patch16_224.dino"


@dataclass(frozen=True)
class TinyModels:
    """The weights files of the three tiny encoders."""

    clip: Path
    dino: Path
    lpips: Path

    def protocol(self, *metrics: str) -> ProtocolSpec:
        """Return a protocol of these encoders with some metrics [default: all]."""
        return ProtocolSpec(
            metrics=metrics or standard_metrics(),
            clip=ClipSpec(model=CLIP_MODEL, weights=str(self.clip)),
            dino=DinoSpec(model=DINO_MODEL, weights=str(self.dino), resize=DINO_RESIZE, crop=DINO_CROP),
            lpips=LpipsSpec(weights=str(self.lpips)),
        )


def build_encoders(folder: Path) -> TinyModels:
    """Save the three tiny encoders and return their weights files."""
    return TinyModels(build_clip(folder)[1], build_dino(folder)[1], build_lpips(folder))


def encoder_settings(folder: Path) -> dict[str, str]:
    """Save the three tiny encoders and return the ``--set`` fields that select them."""
    files = build_encoders(folder)
    return {
        "protocol.clip.model": CLIP_MODEL,
        "protocol.clip.weights": str(files.clip.resolve()),
        "protocol.dino.model": DINO_MODEL,
        "protocol.dino.weights": str(files.dino.resolve()),
        "protocol.dino.resize": str(DINO_RESIZE),
        "protocol.dino.crop": str(DINO_CROP),
        "protocol.lpips.weights": str(files.lpips.resolve()),
    }


def _spread(model: nn.Module, gain: float = 1.5) -> None:
    """Redraw matrices with a larger spread, so that different images and texts get different embeddings."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim >= 2 and "embed" not in name.rsplit(".", 1)[-1]:
                parameter.normal_(std=gain / math.sqrt(parameter[0].numel()))


def build_clip(folder: Path, *, seed: int = 1) -> tuple[str, Path]:
    """Save a tiny open_clip model; return its name and its weights file.

    The file's metadata carries the architecture in the form of open_clip's own ``open_clip_config.json``.
    """
    from open_clip import CLIP

    torch.manual_seed(seed)
    model = CLIP(**CLIP_CONFIG)
    _spread(model)
    file = folder / f"{CLIP_MODEL}.safetensors"
    return CLIP_MODEL, save_state(model.state_dict(), file, open_clip_config={"model_cfg": CLIP_CONFIG})


def build_full_clip(folder: Path, *, seed: int = 1) -> tuple[str, Path]:
    """Save ViT-B-32-quickgelu in full size with random weights; return its name and its weights file."""
    from open_clip import CLIP, get_model_config

    torch.manual_seed(seed)
    model = CLIP(**get_model_config(FULL_CLIP_MODEL))
    return FULL_CLIP_MODEL, save_state(model.state_dict(), folder / f"{FULL_CLIP_MODEL}.safetensors")


def build_dino(folder: Path, *, seed: int = 2) -> tuple[str, Path]:
    """Save a tiny timm ViT; return its name and its weights file.

    The file's metadata carries the architecture in the form of timm's own ``config.json``.
    """
    import timm

    torch.manual_seed(seed)
    model = timm.create_model(DINO_CONFIG["architecture"], num_classes=0, **DINO_CONFIG["model_args"])
    _spread(model)
    file = folder / f"{DINO_MODEL}.safetensors"
    return DINO_MODEL, save_state(model.state_dict(), file, timm_config=DINO_CONFIG)


def build_full_dino(folder: Path, *, seed: int = 2) -> tuple[str, Path]:
    """Save ViT-S/16 in full size with random weights; return its name and its weights file."""
    import timm

    torch.manual_seed(seed)
    model = timm.create_model(FULL_DINO_MODEL, num_classes=0)
    return FULL_DINO_MODEL, save_state(model.state_dict(), folder / f"{FULL_DINO_MODEL}.safetensors")


def build_lpips(folder: Path, *, seed: int = 3) -> Path:
    """Save LPIPS with a random AlexNet trunk and the library's own linear layers; return the file."""
    import lpips

    torch.manual_seed(seed)
    with warnings.catch_warnings():  # it asks torchvision for the trunk in a deprecated way
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    # `lins` holds the same tensors as lin0 to lin4 once more, and safetensors stores each once.
    state = {name: t for name, t in model.state_dict().items() if not name.startswith("lins.")}
    return save_state(state, folder / "lpips-alex.safetensors")


def save_state(state: dict[str, torch.Tensor], file: Path, **metadata: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    save_file({name: t.contiguous() for name, t in state.items()}, file, metadata=texts or None)
    return file
