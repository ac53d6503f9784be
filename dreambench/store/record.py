"""run.json: the one versioned, typed log of a run."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.run_spec import RunSpec
from dreambench.spec.version import __version__

Status = Literal["started", "partial", "interrupted", "failed", "complete"]
#: The version of run.json's form: a log with a higher one is of a newer dreambench.
SCHEMA_VERSION: Literal[1] = 1
_PACKAGES = (
    *("torch", "torchvision", "diffusers", "transformers", "open_clip_torch", "timm", "lpips"),
    *("numpy", "pandas", "scipy", "pillow"),
)


class RunRecord(BaseModel):
    """The contents of run.json: the spec, the software, the machine, and the run's status.

    ``kind`` is "run" for images made by dreambench, "score" for other people's. ``name`` is the row's name in
    tables. ``identifier`` is the identifier that the run drew. ``subjects`` (class nouns by name) and
    ``photos`` (absolute paths by subject) are resolved from the dataset; ``prompts`` are all templates by
    subject where the dataset has its own. ``source`` is where scored images came from. ``protocols`` are
    those that the images were scored by, by name and in order, where there are several: the first is the
    spec's. ``seconds`` is the wall time of all invocations that ended, without those that were killed.
    ``tables`` has the SHA-256 of every score table, from the run's end on. ``made_on`` names the machine of
    every subject, and set of class images, that was not made by the process on ``machine``.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["run", "score"] = "run"
    name: str
    key: str
    spec: RunSpec
    status: Status = "started"
    identifier: str | None = None
    subjects: dict[str, str]
    photos: dict[str, list[str]]
    prompts: dict[str, list[str]] = {}
    source: str | None = None
    protocols: dict[str, ProtocolSpec] = {}
    created: str = ""
    updated: str = ""
    seconds: float = 0.0
    dreambench: str = __version__
    versions: dict[str, str] = {}
    git_commit: str | None = None
    machine: dict[str, str] = {}
    tables: dict[str, str] = {}
    made_on: dict[str, str] = {}
    notes: list[str] = []
    error: str | None = None


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def ends_are_recorded(record: Callable[..., object]) -> Iterator[None]:
    """Call ``record`` with the ``status`` of what ends early in this context, and with its ``error``."""
    try:
        yield
    except KeyboardInterrupt:
        record(status="interrupted")
        raise
    except Exception as error:
        record(status="failed", error=str(error) or type(error).__name__)
        raise


def installed_versions() -> dict[str, str]:
    """Return the versions of the packages that can change a score."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def git_commit() -> str | None:
    """Return the commit of the checkout that dreambench runs from; None for an installed package."""
    top = Path(__file__).resolve().parents[2]
    if not (top / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(top), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode().strip() or None if done.returncode == 0 else None


def machine(device: str) -> dict[str, str]:
    """Describe this machine: what can explain a difference in speed or in the last digits of a score."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": str(os.cpu_count()),
        "device": device,
    }
