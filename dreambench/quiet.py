"""The libraries' own bars and advice, kept off the terminal."""

from __future__ import annotations

import os
import warnings


def quiet_libraries() -> None:
    """Silence the libraries before they are loaded; their errors still surface as exceptions."""
    # Their bars and advice would drown ours.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings(
        "ignore", module=r"(transformers|diffusers|timm|open_clip|torch|torchvision|lpips)\b"
    )
