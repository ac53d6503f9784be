"""How the tests of the commands call them, and what they keep of a command's end."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.material import tiny as models

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def only_line(self) -> str:
        """The one line of a refusal: exit code 2, one line on stderr, nothing on stdout."""
        assert (self.code, self.out) == (2, "")
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        return self.err.rstrip("\n")


def in_a_process(*words: str, cwd: Path) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "dreambench", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def tiny_words(tiny: dict[str, str], **changes: str) -> list[str]:
    """Return the options that select the tiny models and their data, some of them changed."""
    settings = {**tiny, **changes}
    return ["--preset", "paper-sd15", "--data", settings["data"], *models.options(settings)]


def listing(*folders: Path) -> dict[str, int]:
    """Return every file and folder below some folders with its time of change."""
    return {str(path): path.stat().st_mtime_ns for top in folders for path in (top, *top.rglob("*"))}
