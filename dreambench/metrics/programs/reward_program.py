"""VQAScore, ImageReward or HPSv3 as a program: JSON lines with images and captions in, scores out.

It runs in the environment of the package that it wraps, which has no dreambench and may have an older Python
(3.8 or newer). Per line of stdin, ``{"image": path, "caption": text}``, it writes ``{"score": number}``
before it reads the next one; nothing else comes on stdout, whatever the packages print.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import importlib.util
import json
import math
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Any, Callable  # noqa: UP035 - Python 3.8


def vqascore(model: str, device: str) -> Callable[[str, str], Any]:
    """Return t2v-metrics' VQAScore: the probability of "Yes" to "Does this figure show CAPTION?"."""
    scorer = importlib.import_module("t2v_metrics").VQAScore(model=model, device=device)
    return lambda image, caption: scorer(images=[image], texts=[caption])[0][0]


def image_reward(model: str, device: str) -> Callable[[str, str], Any]:
    """Return ImageReward's score, which is normalized over its training set."""
    scorer = importlib.import_module("ImageReward").load(model, device=device)
    return lambda image, caption: scorer.score(caption, image)


def hpsv3(model: str, device: str) -> Callable[[str, str], Any]:
    """Return HPSv3's score: the mean of its distribution; ``model`` is a checkpoint, or HPSv3 for its own."""
    own = {} if model == "HPSv3" else {"checkpoint_path": model}
    scorer = importlib.import_module("hpsv3").HPSv3RewardInferencer(device=device, **own)
    return lambda image, caption: scorer.reward(image_paths=[image], prompts=[caption])[0][0]


#: Per metric: its function, the package that it imports, and what pip calls that.
METRICS = {
    "vqascore": (vqascore, "t2v_metrics", "t2v-metrics"),
    "image_reward": (image_reward, "ImageReward", "image-reward"),
    "hpsv3": (hpsv3, "hpsv3", "hpsv3"),
}


def main() -> None:
    """Answer the lines of stdin; one line on stderr and exit code 1 where that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("metric", choices=sorted(METRICS))
    parser.add_argument("--model", help="what the package calls its model")
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:1 or cpu [default: auto]")
    parser.add_argument(
        "--check", action="store_true", help="only say whether the package is there, and its version"
    )
    asked = parser.parse_args()
    if not (asked.check or asked.model):
        parser.error("--model is missing")
    load, package, pip_name = METRICS[asked.metric]
    if importlib.util.find_spec(package) is None:
        sys.exit(f"{package} is not installed: {sys.executable} -m pip install {pip_name}")
    if asked.check:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            print(importlib.metadata.version(pip_name))
        return
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what packages print, from C as well, goes to stderr
    try:
        for score in _scores(load, asked):
            answers.write(json.dumps({"score": score}) + "\n")
            answers.flush()  # whoever asks may wait for it before the next line
    except Exception as error:
        traceback.print_exc()
        sys.exit(f"{asked.metric}: {type(error).__name__}: {' '.join(str(error).split())}")


def _scores(load: Callable[..., Any], asked: argparse.Namespace) -> Iterator[float]:
    import torch

    device = asked.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.no_grad():
        score_of = load(asked.model, device)
        for line in map(json.loads, filter(str.strip, sys.stdin)):
            score = float(score_of(line["image"], line["caption"]))
            if not math.isfinite(score):
                raise ValueError(f"the score of {line['image']} is {score}")
            yield score


if __name__ == "__main__":
    main()
