"""The runs and pictures of the miniature whose scores continuous integration compares with a baseline.

Scores of trained runs vary with the seed, and only a larger change is a defect. Scores of drawn pictures
of the subjects do not vary, so any change of a crop or a caption shows. As a script it writes both
committed baselines again, after a change that is meant to change scores::

    python -m tests.material.watched_runs results/regression
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from dreambench.dataset.prompts import official_prompts
from dreambench.seeds import stable_seed
from miniature.world import held_out_subjects, render, scene_for_prompt

BASELINES = Path(__file__).resolve().parents[2] / "data" / "baselines"
RUNS, PICTURES = BASELINES / "mini.json", BASELINES / "mini-pictures.json"
SEEDS = range(8)
# Four class nouns, both categories, all four kinds of prompts; enough steps to learn the subject.
SUBJECTS, PROMPTS, IMAGES = ("can", "clock", "dog", "teapot"), (0, 4, 12, 20, 22), 2
OPTIONS = [
    *("--preset", "mini", "--subjects", ",".join(SUBJECTS), "--prompts", ",".join(map(str, PROMPTS))),
    *("--images-per-prompt", str(IMAGES)),
]
TRAINING = ["--set", "method.class_images=32"]


def run_command(seed: int, out: Path, *more: str) -> list[str]:
    """Return the command line of one run of the subset."""
    return ["run", *OPTIONS, *TRAINING, "--seed", str(seed), "--out", str(out), *more]


def score_command(pictures: Path, out: Path) -> list[str]:
    """Return the command line that scores the drawn pictures."""
    return ["score", *OPTIONS, "--images", str(pictures), "--out", str(out)]


def draw_pictures(folder: Path) -> Path:
    """Draw each subject as each prompt asks for, by the world's own renderer; the same on every machine."""
    subjects = held_out_subjects()
    for name in SUBJECTS:
        entry = subjects[name]
        prompts = official_prompts(entry.category)
        (folder / name).mkdir(parents=True)
        for prompt, image in itertools.product(PROMPTS, range(IMAGES)):
            text = prompts[prompt].text(entry.vector.noun)
            rng = np.random.default_rng((stable_seed(name, prompt, image), 1))
            picture = render(scene_for_prompt(text, entry.vector, rng)).image
            Image.fromarray(picture).save(folder / name / f"{prompt:02d}-{image}.png")
    return folder


def _call(words: list[str]) -> None:
    from dreambench.cli import main

    try:
        main(words)
    except SystemExit as end:
        if end.code:
            raise


def _write_baselines(root: Path) -> None:
    runs = [root / f"seed{seed}" for seed in SEEDS]
    for seed, run in zip(SEEDS, runs, strict=True):
        _call(run_command(seed, run))
    # A baseline needs several runs: two of the same pictures show that their scores do not vary.
    scored = [root / f"scores{number}" for number in range(2)]
    for number, out in enumerate(scored):
        _call(score_command(draw_pictures(root / f"pictures{number}"), out))
    for made, baseline in ((runs, RUNS), (scored, PICTURES)):
        _call(["check", *map(str, made), "--baseline", str(baseline), "--update"])


if __name__ == "__main__":
    _write_baselines(Path(sys.argv[1]))
