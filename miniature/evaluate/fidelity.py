"""How far DreamBooth gets in miniature: between the untouched model and the real photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.dataset import read_image
from dreambench.errors import DreambenchError
from dreambench.metrics.clip_t import caption_cosines
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.image_similarity import similarity_to_photos
from dreambench.store import open_run
from miniature.evaluate.evaluation_prompts import EvaluationPrompt
from miniature.evaluate.scorers import embedded


@dataclass(frozen=True)
class Fidelity:
    """Means over subjects: DINO and CLIP-T of a run, of the untouched model, and of the photos."""

    dino_photos: float
    dino_run: float
    dino_untouched: float
    clip_t_run: float
    clip_t_untouched: float
    minutes: float

    @property
    def closed(self) -> float:
        """The share of DINO's distance from the untouched model to the photos that the run closes."""
        return (self.dino_run - self.dino_untouched) / (self.dino_photos - self.dino_untouched)

    @property
    def clip_t_kept(self) -> float:
        """CLIP-T as a share of the untouched model's."""
        return self.clip_t_run / self.clip_t_untouched


def fidelity(
    folder: Path, prompts: Sequence[EvaluationPrompt], images: np.ndarray, encoders: ProtocolEncoders
) -> Fidelity:
    """Compare a finished run with the untouched model's ``images`` of what was ``prompts``.

    The untouched model's DINO is that of its ``a [class noun]`` images to each subject's photos; its
    CLIP-T that of its images of the official prompts. Raises DreambenchError where the run is not complete.
    """
    (scores,) = read_run_scores([open_run(folder)])
    if scores.record.status != "complete":
        raise DreambenchError(f"run {folder} is {scores.record.status}", "repeat its command first")
    dino, clip_t = _untouched(scores, prompts, images, encoders)
    return Fidelity(
        dino_photos=float(scores.photos["dino"].mean()),
        dino_run=float(scores.subjects["dino"].mean()),
        dino_untouched=dino,
        clip_t_run=float(scores.subjects["clip_t"].mean()),
        clip_t_untouched=clip_t,
        minutes=scores.record.seconds / 60,
    )


def _untouched(
    scores: RunScores, prompts: Sequence[EvaluationPrompt], images: np.ndarray, encoders: ProtocolEncoders
) -> tuple[float, float]:
    nouns = np.array([each.noun for each in prompts])
    plain = np.array([each.kind == "plain" for each in prompts])
    seen = embedded(encoders.load("dino"), images)
    told = encoders.load("clip").embed_texts([each.prompt for each in prompts])
    follows = np.array(caption_cosines(embedded(encoders.load("clip"), images), told))
    dino, clip_t = [], []
    for subject, noun in scores.record.subjects.items():
        photos = np.stack([np.asarray(read_image(Path(p))) for p in scores.record.photos[subject]])
        own = seen[np.flatnonzero((nouns == noun) & plain)]
        dino.append(np.mean(similarity_to_photos(own, embedded(encoders.load("dino"), photos))))
        clip_t.append(follows[(nouns == noun) & ~plain].mean())
    return float(np.mean(dino)), float(np.mean(clip_t))
