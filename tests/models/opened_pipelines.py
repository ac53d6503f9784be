"""Opening a pipeline's folder, and changing its files as damage does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from dreambench.errors import DreambenchError
from dreambench.models.base_model import BaseModel, open_base
from dreambench.spec.run_spec import BaseSpec

COMPONENTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
WEIGHTS = {
    "unet": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}
CONFIGS = (*(f"{component}/config.json" for component in WEIGHTS), "scheduler/scheduler_config.json")


def opened(folder: Path, **fields: Any) -> BaseModel:
    """Open a folder as a base model."""
    return open_base(BaseSpec(model=str(folder), **fields))


def error_of(action: Callable[[], Any]) -> str:
    """Do what must be refused, and return the one line that says why."""
    with pytest.raises(DreambenchError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rewrite(file: Path, content: bytes | str) -> None:
    """Give a file new content; its other hard links keep the old one."""
    file.unlink(missing_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def change_config(file: Path, **changes: Any) -> None:
    """Change fields of a JSON file; None removes one."""
    content = {**json.loads(file.read_text()), **changes}
    rewrite(file, json.dumps({name: value for name, value in content.items() if value is not None}))


def change_weights(file: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(file)
    change(tensors)
    file.unlink()
    save_file(tensors, file, metadata={"format": "pt"})
