"""What the judge says of drawn images: classes, contexts, accessories, properties, and a Frechet distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.linalg import sqrtm

from miniature.evaluate.evaluation_prompts import EvaluationPrompt
from miniature.train.data import LABELS
from miniature.train.samples import from_pixels

COLORS = ("red", "purple")


def frechet_distance(features: np.ndarray, others: np.ndarray) -> float:
    """Return the Frechet distance of two sets of features [n, d], each as one Gaussian (Heusel 2017)."""
    mean, mean_other = features.mean(0), others.mean(0)
    covariance, covariance_other = np.cov(features, rowvar=False), np.cov(others, rowvar=False)
    root = sqrtm(covariance @ covariance_other)
    trace = np.trace(covariance + covariance_other - 2 * np.real(root))
    return float(np.square(mean - mean_other).sum() + trace)


@torch.inference_mode()
def judge_images(judge: Any, images: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the judge's features [n, d] and its logits of each label for uint8 images [n, 64, 64, 3]."""
    features, logits = [], []
    for part in from_pixels(images).split(128):
        seen = judge.features(part)
        features.append(seen.double().numpy())
        logits.append([head(seen).numpy() for head in judge.heads])
    return np.concatenate(features), [np.concatenate(parts) for parts in zip(*logits, strict=True)]


def accuracies(
    prompts: Sequence[EvaluationPrompt], labels: np.ndarray, logits: list[np.ndarray]
) -> dict[str, float]:
    """Return the shares of images in which the judge finds what was asked for.

    ``labels`` [n, 6] are those of renderings of the same prompts: their class, context, accessory and
    property columns are what was asked. ``class``: 15 ways, on plain prompts; ``context``: 20 ways;
    ``accessory``: 10 ways; ``color``: red or purple, against all properties and none; ``property``: the
    same for all five.
    """
    kinds = np.array([each.kind for each in prompts])
    columns = list(LABELS)

    def share(column: str, chosen: np.ndarray, names: int | None = None) -> float:
        index = columns.index(column)
        given = logits[index][:, :names].argmax(1)
        return float((given == labels[:, index])[chosen].mean())

    prop = labels[:, columns.index("property")]
    names = LABELS["property"]
    colored = (kinds == "property modification") & np.isin(prop, [names.index(c) for c in COLORS])
    return {
        "class": share("class", kinds == "plain", len(LABELS["class"])),
        "class, official prompts": share("class", kinds != "plain", len(LABELS["class"])),
        "context": share("context", kinds == "recontextualization", len(LABELS["context"])),
        "accessory": share("accessory", kinds == "accessorization", len(LABELS["accessory"])),
        "color": share("property", colored),
        "property": share("property", kinds == "property modification"),
    }
