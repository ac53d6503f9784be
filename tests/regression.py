"""The fixed subset of the miniature whose scores continuous integration watches.

As a script it makes the runs of every seed below a folder and writes the committed baseline from them, for a
change that is meant to move scores::

    python tests/regression.py results/regression
"""

from __future__ import annotations

import sys
from pathlib import Path

BASELINE = Path(__file__).resolve().parents[1] / "data" / "baselines" / "mini.json"
SEEDS = range(5)
# Four class nouns, both categories, all four kinds of prompts; enough steps that the subject is learned.
OPTIONS = [
    *("--preset", "mini", "--subjects", "can,clock,dog,teapot", "--prompts", "0,4,12,20,22"),
    *("--images-per-prompt", "2", "--set", "method.steps=80", "--set", "method.class_images=32"),
]


def command(seed: int, out: Path, *more: str) -> list[str]:
    """Return the command line of one run of the subset."""
    return ["run", *OPTIONS, "--seed", str(seed), "--out", str(out), *more]


def _call(words: list[str]) -> None:
    from dreambench.cli import main

    try:
        main(words)
    except SystemExit as end:
        if end.code:
            raise


if __name__ == "__main__":
    root = Path(sys.argv[1])
    runs = [root / f"seed{seed}" for seed in SEEDS]
    for seed, run in zip(SEEDS, runs, strict=True):
        _call(command(seed, run))
    _call(["check", *map(str, runs), "--baseline", str(BASELINE), "--update"])
