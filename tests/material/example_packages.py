"""The example packages of the docs, installed as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def install(name: str, target: Path) -> Path:
    """Install ``docs/NAME`` with pip into a folder for ``PYTHONPATH``, never into this environment."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    done = subprocess.run([*command, str(DOCS / name)], capture_output=True, text=True, check=False)
    if done.returncode and "hatchling" in done.stderr:
        pytest.skip("hatchling, which builds the example, cannot be downloaded without a network")
    assert done.returncode == 0, done.stderr
    return target


def count_lines(name: str) -> int:
    """Return the lines of all files of an example package."""
    return sum(len(file.read_text().splitlines()) for file in (DOCS / name).iterdir() if file.is_file())
