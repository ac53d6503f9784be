"""Fixtures of the metrics' tests: tiny encoders, material to score, an empty run folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dreambench.store import RunFolder
from tests.material.tiny_encoders import TinyModels
from tests.metrics.chat_server import Server
from tests.metrics.masked_material import masks as masks  # a fixture that both files of masks use
from tests.metrics.material import ByHand, Material, draw_material
from tests.store.material import record


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run", record())


@pytest.fixture(scope="session")
def by_hand(tiny_models: TinyModels) -> ByHand:
    return ByHand(tiny_models)


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return draw_material(tmp_path_factory.mktemp("material"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    running = Server()
    yield running
    running.http.shutdown()
