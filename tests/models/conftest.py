"""A tiny pipeline in a folder that may be damaged."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(tiny, tmp_path: Path) -> Path:
    """The tiny pipeline in a folder that may be damaged: hard links, which cost nothing."""
    return Path(shutil.copytree(tiny["base"], tmp_path / "pipeline", copy_function=os.link))
