"""Fixtures for all rooms: tiny real models, the official dataset where it is, a cache of our own."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> dict[str, str]:
    import tiny as models

    return models.build_all(tmp_path_factory.mktemp("tiny"))
