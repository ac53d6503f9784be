"""Runs to check and their baseline, and how the tests of `dreambench check` call it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dreambench.cli import main
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, make_spec
from tests.cli.material import Done

# Not two_subjects(): that run misses an image. Seeds move ant by 0.001, bee by 0.002 in every score.
SHIFTS = (-0.001, 0.0, 0.001)
LEVELS = {"ant": 0.4, "bee": 0.6}


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `dreambench check` in this process."""

    def run(*words: object) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(["check", *map(str, words)])
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def refused(done: Done) -> str:
    """Return the one line of a refusal: exit code 2, nothing on stdout, no traceback."""
    assert (done.code, done.out) == (2, ""), done
    assert done.err.count("\n") == 1, done.err
    return done.err


def rows(moves: dict[str, float], dino: dict[str, float] | None = None) -> list[dict[str, Any]]:
    """Return whole images: each subject's level and move, and a further move of its DINO alone."""
    further = dino or {}
    return [
        image_row(name, prompt, image, (score + further.get(name, 0.0), score, score / 2))
        for name, level in LEVELS.items()
        for score in [level + moves.get(name, 0.0)]
        for prompt in range(2)
        for image in range(2)
    ]


def tables(div: float = 0.3) -> dict[str, list[dict[str, Any]]]:
    """Return a diversity table of one value everywhere."""
    keys = [(name, prompt) for name in LEVELS for prompt in range(2)]
    return {
        "diversity": [{"subject": n, "prompt_index": p, "pair": "0-1", "lpips": div} for n, p in keys],
    }


def seed_run(folder: Path, seed: int, shift: float, **changes: Any) -> RunFolder:
    """Write one complete run of a seed."""
    dino = changes.pop("dino", None)
    fields = {"spec": make_spec(seed=seed), "tables": tables(), **changes}
    return make_run(folder, rows({"ant": shift, "bee": 2 * shift}, dino), **fields)


@pytest.fixture
def seeds(tmp_path: Path) -> list[Path]:
    """Three complete runs that differ in their seed only."""
    return [seed_run(tmp_path / f"seed{i}", i, shift).path for i, shift in enumerate(SHIFTS)]


@pytest.fixture
def baseline(tmp_path: Path, seeds: list[Path], command: Callable[..., Done]) -> Path:
    """The baseline of the three runs."""
    file = tmp_path / "baseline.json"
    assert command(*seeds, "--baseline", file, "--update").code == 0
    return file


def check_json(
    command: Callable[..., Done], run: Path, file: Path, *words: str
) -> tuple[int, dict[str, Any]]:
    done = command(run, "--baseline", file, "--json", *words)
    assert done.out, done.err
    return done.code, json.loads(done.out)
