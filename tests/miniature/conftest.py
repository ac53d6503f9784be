"""Every stage of training at toy size, once a session, and what is exported of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from miniature.train import __main__ as command
from miniature.train import export_pipeline as exporting
from miniature.train.stage import TrainingSession
from miniature.train.training_session import Loop

QUIET = Console(quiet=True)
KINDS = command.stage_classes()


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train_session(work: Path, stage: str, **changes: Any) -> Loop:
    """Run one session of a stage at toy size."""
    loop = Loop(KINDS[stage](TrainingSession(work, toy=True, **changes)), QUIET)
    loop.run()
    return loop


@pytest.fixture(scope="session")
def muon() -> None:
    """Training the miniature takes a newer torch than using it."""
    if not hasattr(torch.optim, "Muon"):
        pytest.skip(f"torch {torch.__version__} has no Muon; torch 2.9 has")


@pytest.fixture(scope="session")
def work(muon: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which every stage made its four toy steps in one session."""
    folder = tmp_path_factory.mktemp("work")
    for stage in KINDS:
        train_session(folder, stage)
    return folder


@pytest.fixture(scope="session")
def exported(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of that work folder."""
    out = tmp_path_factory.mktemp("out")
    exporting.export(TrainingSession(work, toy=True), out, QUIET)
    return out
