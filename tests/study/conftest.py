"""A visitor of a small study's application."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.study.material import Visitor, make_study


@pytest.fixture
def visitor(tmp_path: Path) -> Visitor:
    """Requests to the application of a study of two runs."""
    return Visitor(make_study(tmp_path))
