"""Trainings of tiny models by diffusers' own scripts, and the same by dreambench, for docs/families.md::

    python -m benchmarks.training_scripts CHECKOUT

CHECKOUT is a checkout of diffusers, whose ``examples/`` are run without a change; the library is the
installed one. dreambench trains with the start and with every draw of the script: photos, noise, timesteps,
captions. Printed are the largest differences of each case. Exit code 1 where one is above its bar.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]
os.environ["HF_HUB_OFFLINE"] = "1"  # a script asks the hub for the model's card

from safetensors.torch import load_file  # noqa: E402
from torch import Tensor  # noqa: E402

from benchmarks.training_scripts.cases import CASES, PHOTOS, Case  # noqa: E402
from benchmarks.training_scripts.recording import Training, run_script  # noqa: E402
from benchmarks.training_scripts.replay import replay  # noqa: E402
from tests.material.tiny_dataset import draw_photo  # noqa: E402


class Apart(NamedTuple):
    """The largest differences of a case: of losses relative, of all else absolute."""

    loss: float
    prediction: float
    gradient: float
    saved: float


BARS = Apart(1e-6, 1e-3, 1e-5, 1e-3)


def main() -> int:
    """Run the cases one after the other, and print a row of each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_scripts", description="Train beside diffusers' own scripts."
    )
    parser.add_argument("checkout", type=Path, help="a checkout of diffusers")
    parser.add_argument("--only", help=f"some cases, by semicolons: {'; '.join(CASES)}")
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    logging.disable()
    asked = [name.strip() for name in options.only.split(";")] if options.only else list(CASES)
    if unknown := sorted(set(asked) - CASES.keys()):
        parser.error(f"no case {unknown[0]!r}; there are {'; '.join(CASES)}")
    print("| case | loss, relative | prediction | gradient | saved weights |\n|---|---:|---:|---:|---:|")
    met = True
    for name in asked:
        with tempfile.TemporaryDirectory() as folder:
            apart = compare(CASES[name], options.checkout / "examples", Path(folder), options.steps)
        print(f"| {name} | " + " | ".join(f"{value:.1e}" for value in apart) + " |", flush=True)
        met &= all(value <= bar for value, bar in zip(apart, BARS, strict=True))
    return 0 if met else 1


def compare(case: Case, examples: Path, folder: Path, steps: int) -> Apart:
    """Train by the script, then by dreambench, and return how far apart they are."""
    base, data, class_images = case.build(folder / "base"), folder / "data", folder / "class"
    for place, subject in ((data / "dog", "dog"), (class_images, "cat")):
        place.mkdir(parents=True)
        for index in range(PHOTOS):
            draw_photo(subject, index, case.size).save(place / f"{index:02d}.png")
    (data / "subjects.csv").write_text("subject,class_noun,category\ndog,dog,live\n", encoding="utf-8")
    words = case.arguments(base, data / "dog", class_images, folder / "theirs", steps)
    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        script, draws = run_script(examples / case.script, words)
        spec = case.spec(base, data, steps)
        ours = replay(spec, data, class_images, script, draws, folder / "ours")
    return _apart(script, ours, _saved(folder / "theirs"), _saved(folder / "ours"))


def _apart(
    script: Training, ours: Training, theirs_saved: Mapping[str, Tensor], ours_saved: Mapping[str, Tensor]
) -> Apart:
    if missing := ours_saved.keys() - theirs_saved.keys():
        raise ValueError(f"the script saved no {sorted(missing)[0]}")
    if script.settings != ours.settings:
        raise ValueError(f"optimizers differ: {script.settings} and {ours.settings}")
    losses = zip(script.losses, ours.losses, strict=True)
    predictions = zip(script.predictions, ours.predictions, strict=True)
    gradients = [
        # The script's word is the last row of the whole embedding table.
        (a[-len(b) :], b)
        for step in zip(script.gradients, ours.gradients, strict=True)
        for a, b in zip(*step, strict=True)
    ]
    return Apart(
        max(abs(a / b - 1) for a, b in losses),
        max(float((a - b).abs().max()) for a, b in predictions),
        max(float((a - b).abs().max()) for a, b in gradients),
        max(float((theirs_saved[name] - tensor).abs().max()) for name, tensor in ours_saved.items()),
    )


def _saved(folder: Path) -> dict[str, Tensor]:
    """Return the tensors below a folder by file and name; words by their names in dreambench's files."""
    found: dict[str, Tensor] = {}
    for file in folder.rglob("*.safetensors"):
        place = file.relative_to(folder).parent
        found |= {f"{place}/{file.name}/{name}": tensor for name, tensor in load_file(file).items()}
    second = "./learned_embeds_2.safetensors/<subject>"
    if second in found:
        first = "./learned_embeds.safetensors"
        found |= {f"{first}/clip_l": found[f"{first}/<subject>"], f"{first}/clip_g": found[second]}
    return found


if __name__ == "__main__":
    sys.exit(main())
