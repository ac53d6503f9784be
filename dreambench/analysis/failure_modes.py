"""The paper's failure modes (section 4.5), found image by image by fixed rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dreambench.analysis.embedding_similarities import Similarities
from dreambench.analysis.run_scores import RunScores

DEVIATIONS = 3.0  # an image this many robust standard deviations below the others fails
LEAST_IMAGES = 8  # with fewer images of a subject, the rule does not apply
LEAST_SUBJECTS = 3  # with fewer other subjects, the rule does not apply
_MAD_TO_SD = 1.4826  # for a normal distribution


@dataclass(frozen=True)
class FailureMode:
    """One rule applied to one run.

    ``score`` and ``threshold`` have one value per row of the images table, NaN where the rule cannot
    judge it; ``examples`` are the images that fail, the worst first (row positions).
    ``missing`` says what is missing if no image can be judged.
    """

    name: str
    score: pd.Series
    threshold: pd.Series
    too_high: bool
    missing: str

    @property
    def judged(self) -> int:
        """The number of images that the rule could judge."""
        return int((self.score.notna() & self.threshold.notna()).sum())

    @property
    def why_not(self) -> str:
        """What is missing, if no image could be judged."""
        return "" if self.judged else self.missing

    @property
    def examples(self) -> list[int]:
        """The failing images' positions in the images table, the clearest first."""
        excess = self._excess.to_numpy()
        order = np.argsort(-np.nan_to_num(excess, nan=-np.inf), kind="stable")
        return [int(position) for position in order if excess[position] > 0]

    @property
    def _excess(self) -> pd.Series:
        return self.score - self.threshold if self.too_high else self.threshold - self.score


def failure_modes(run: RunScores, near: Similarities) -> list[FailureMode]:
    """Apply the three rules to a run with its similarities: context missing, copied photo, entanglement."""
    return [context_missing(run.tables.images), _copied(run, near), _entangled(run, near)]


def context_missing(images: pd.DataFrame) -> FailureMode:
    """Judge an image by the CLIP-T of the other subjects' images for the same prompt.

    It fails more than ``DEVIATIONS`` robust standard deviations (1.4826 times the median absolute
    deviation) below their median. Objects and live subjects have different prompts of the same index.
    """
    threshold = pd.Series(np.nan, index=images.index)
    for _, rows in images.groupby(["category", "prompt_index"]):
        subjects, scores = rows["subject"].to_numpy(), rows["clip_t"].to_numpy()
        present = ~np.isnan(scores)
        judged = set(subjects[present])
        for subject in judged if len(judged) > LEAST_SUBJECTS else ():
            own = subjects == subject
            threshold[rows.index[own]] = _far_below(scores[present & ~own])
    missing = f"no prompt has images of {LEAST_SUBJECTS} other subjects"
    if images["clip_t"].isna().all():
        missing = "there is no CLIP-T"
    return FailureMode("context_missing", images["clip_t"], threshold, too_high=False, missing=missing)


def _copied(run: RunScores, near: Similarities) -> FailureMode:
    limit = run.tables.images["subject"].map(near.photos["closest_pair"]).astype(float)
    nearest = near.images["nearest_photo"]
    return FailureMode("copied_photo", nearest, limit, too_high=True, missing=_no_embeddings(near))


def _entangled(run: RunScores, near: Similarities) -> FailureMode:
    """Judge an image by the subject's other images: it fails if it looks like none of them."""
    score = near.images["other_contexts"]
    limit = pd.Series(np.nan, index=score.index)
    for _, rows in run.tables.images.groupby("subject"):
        own = score[rows.index].dropna()
        if len(own) >= LEAST_IMAGES:
            limit[own.index] = _far_below(own.to_numpy())
    few = f"no subject has {LEAST_IMAGES} images of recontextualization prompts"
    return FailureMode("entanglement", score, limit, too_high=False, missing=_no_embeddings(near) or few)


def _far_below(values: np.ndarray) -> float:
    middle = float(np.median(values))
    return middle - DEVIATIONS * _MAD_TO_SD * float(np.median(np.abs(values - middle)))


def _no_embeddings(near: Similarities) -> str:
    if near.images["nearest_photo"].isna().all() and near.images["other_contexts"].isna().all():
        return "the run keeps no DINO embeddings of its images, or the files have changed"
    if near.photos["closest_pair"].isna().all():
        return "no subject has DINO embeddings of two of its photos, or the photos have been moved"
    return ""


def above_bound(run: RunScores) -> list[str]:
    """Return the subjects whose DINO exceeds that of their own photos: a sign of copying."""
    over = run.subjects["dino"] > run.photos["dino"]
    return [str(name) for name in over.index[over]]
