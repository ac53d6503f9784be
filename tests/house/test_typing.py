"""What type checkers see of the package, also those without pydantic's plugin."""

from __future__ import annotations

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "dreambench"


def test_a_fields_default_is_named() -> None:
    """A checker knows ``default=`` alone: with a positional default, ``Protocol()`` lacks arguments."""
    calls = [
        (file.name, call.lineno)
        for file in PACKAGE.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Field"
        if call.args
    ]
    assert calls == []
