"""Fixtures for all rooms: tiny real models, the official dataset where it is, a cache of our own."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.material.tiny_encoders import TinyModels

# The libraries read these when they are imported, which a test module may do before any fixture runs.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
# Tiny models on several threads spend their time waiting for each other: one is 10 times as fast.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Ray gives its workers a low priority: beside other tests they would wait for minutes.
os.environ.setdefault("RAY_worker_niceness", "0")

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files of slow tests and end with the short ones of ``analysis``.

    Two workers take a file at a time, so that the last files say how long one of them waits for the other.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path in slow, item.path), reverse=True)  # in a file, as they are


def pytest_collection_finish() -> None:
    """Leave what collecting has loaded out of garbage collection: to look through it takes a tenth of a test.

    A collection looks at every object there is, and torch's, matplotlib's and pandas' stay to the end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No file waits for the disk: that matters when a machine crashes, and no test crashes one.

    A killed process loses nothing that it has given to the system, so that the tests of kills see the same
    files. Tests of what is forced onto the disk, and in which order, look at the calls.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_real_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fixtures of modules and sessions run before ``_isolated``: they share a cache of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the real cache folder, or asks the hub for anything."""
    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of the tiny models and the drawn dataset (``tiny.build_all``), made once."""
    from tests.material import tiny as models

    return models.build_all(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """The weights files of the tiny encoders, made once."""
    from tests.material.tiny_encoders import build_encoders

    return build_encoders(tmp_path_factory.mktemp("tiny_models"))


@pytest.fixture(scope="session")
def official() -> Path:
    """The official dataset's folder; the test is skipped where it is absent."""
    shared = Path(os.environ.get("DREAMBENCH_SHARED_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "dreambooth" / "dataset"
    if not folder.is_dir():
        pytest.skip(f"the official dataset is not in {folder} (set DREAMBENCH_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def imagenhub() -> Path:
    """The folder of the ImagenHub ratings; the test is skipped where it is absent."""
    shared = Path(os.environ.get("DREAMBENCH_SHARED_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "imagenhub-sdig"
    if not folder.is_dir():
        pytest.skip(f"the ImagenHub ratings are not in {folder} (set DREAMBENCH_SHARED_DATA)")
    return folder
