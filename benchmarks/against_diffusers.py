"""A training of the miniature by dreambench beside the same one by diffusers' own DreamBooth script.

Both train U-Net and text encoder in float32 on the same photos and class images, 4 + 4 images a step, with
as many threads. The script is not part of this repository: give the path of
``examples/dreambooth/train_dreambooth.py`` in a checkout of diffusers. The two commands alternate.

Printed are steps a second after the first ten, and the CPU seconds of the whole command. Ours also draws,
scores and reports one image; the script writes the whole pipeline.

Run: ``python benchmarks/against_diffusers.py SCRIPT [--steps N] [--rounds N] [--threads N]``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dreambench.paths import data_folder

SUBJECT, NOUN, IDENTIFIER = "dog", "dog", "mwf"
BATCH, CLASS_IMAGES, RATE, WARM = 4, 32, 4e-4, 10
_STEP = re.compile(r"(\d+)/(\d+) \[")


@dataclass(frozen=True)
class Measured:
    """One command: its steps a second after warm-up, and its CPU seconds from start to end."""

    steps_per_second: float
    cpu_seconds: float


def ours(top: Path, cache: Path, steps: int, environment: dict[str, str]) -> Measured:
    """Measure ``dreambench run`` of one subject and one image."""
    out = top / "ours"
    shutil.rmtree(out, ignore_errors=True)
    fields = {
        "identifier.text": IDENTIFIER,
        "method.steps": steps,
        "method.batch_size": BATCH,
        "method.learning_rate": RATE,
        "method.class_images": CLASS_IMAGES,
        "method.ema": False,
        "runtime.precision": "fp32",
    }
    sets = [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]
    small = ("--subjects", SUBJECT, "--prompts", "0", "--images-per-prompt", "1", "--metrics", "dino,clip_t")
    command = [
        sys.executable,
        "-m",
        "dreambench",
        "run",
        "--preset",
        "mini",
        *small,
        *sets,
        "--out",
        str(out),
    ]
    before = _cpu_seconds()
    environment = {**environment, "DREAMBENCH_CACHE": str(cache)}
    subprocess.run([*command, "--out", str(out)], env=environment, check=True, capture_output=True)
    note = json.loads((out / "subjects" / f"{SUBJECT}.json").read_text())
    return Measured(1 / note["seconds_per_step"], _cpu_seconds() - before)


def theirs(script: Path, top: Path, class_images: Path, steps: int, environment: dict[str, str]) -> Measured:
    """Measure the script; its steps are timed by what its progress bar says."""
    out = top / "theirs"
    shutil.rmtree(out, ignore_errors=True)
    mini = data_folder() / "mini"
    options = {
        "pretrained_model_name_or_path": mini / "pipeline",
        "instance_data_dir": mini / "photos" / SUBJECT,
        "class_data_dir": class_images,
        "instance_prompt": f"a {IDENTIFIER} {NOUN}",
        "class_prompt": f"a {NOUN}",
        "num_class_images": CLASS_IMAGES,
        "resolution": 64,
        "train_batch_size": BATCH,
        "learning_rate": RATE,
        "lr_scheduler": "constant",
        "lr_warmup_steps": 0,
        "max_train_steps": steps,
        "checkpointing_steps": 10 * steps,
        "mixed_precision": "no",
        "seed": 0,
        "output_dir": out,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, str(script), *words, "--with_prior_preservation", "--train_text_encoder"]
    before = _cpu_seconds()
    environment = {**environment, "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as run:
        rate, log = _timed_steps(run, steps)
    if run.returncode:
        sys.exit(f"{script} ended with {run.returncode}:\n{log[-2000:]}")
    return Measured(rate, _cpu_seconds() - before)


def _timed_steps(run: subprocess.Popen[bytes], steps: int) -> tuple[float, str]:
    """Return the steps a second between the warm-up and the last step, and what was printed."""
    assert run.stderr is not None
    seen: dict[int, float] = {}
    log = ""
    while chunk := os.read(run.stderr.fileno(), 4096):
        now, text = time.monotonic(), chunk.decode(errors="replace")
        log += text
        for done, total in _STEP.findall(text):
            if int(total) == steps:
                seen.setdefault(int(done), now)
    counted = [done for done in seen if done >= WARM]
    if len(counted) < 2:
        return float("nan"), log
    first, last = min(counted), max(counted)
    return (last - first) / (seen[last] - seen[first]), log


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _class_images(top: Path, cache: Path, environment: dict[str, str]) -> Path:
    """Make the class images once, by a first short run; both trainings read the same files."""
    ours(top, cache, 3, environment)
    folder = top / "class-images"
    folder.mkdir()
    for image in sorted(cache.rglob("*.png")):
        shutil.copy(image, folder)
    return folder


def main() -> None:
    """Measure both commands in turn and print medians and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("script", type=Path, help="train_dreambooth.py of diffusers")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
    found: dict[str, list[Measured]] = {"dreambench": [], "diffusers": []}
    with tempfile.TemporaryDirectory() as folder:
        top, cache = Path(folder), Path(folder) / "cache"
        images = _class_images(top, cache, environment)
        for _ in range(options.rounds):
            found["dreambench"].append(ours(top, cache, options.steps, environment))
            found["diffusers"].append(theirs(options.script, top, images, options.steps, environment))
    steps = {name: statistics.median(m.steps_per_second for m in each) for name, each in found.items()}
    whole = {name: statistics.median(m.cpu_seconds for m in each) for name, each in found.items()}
    for name in found:
        print(
            f"{name:12} {steps[name]:8.2f} steps a second {whole[name]:8.1f} CPU s for {options.steps} steps"
        )
    ratios = steps["dreambench"] / steps["diffusers"], whole["diffusers"] / whole["dreambench"]
    print(f"ratio        {ratios[0]:8.2f} (bar: 1.6)       {ratios[1]:8.2f} (bar: 2)")


if __name__ == "__main__":
    main()
