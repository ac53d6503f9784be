"""What the tests of presets share."""

from __future__ import annotations

from typing import Any

import pytest

from dreambench.errors import DreambenchError
from dreambench.spec.presets import build_spec


def error_of(*overrides: str, preset: Any = "paper-sd15", **fields: Any) -> str:
    """Build a spec that must be refused, and return the one line that says why."""
    with pytest.raises(DreambenchError) as caught:
        build_spec(preset, fields, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)
