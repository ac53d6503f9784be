"""Images with their metrics and human scores: the input of every correlation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dreambench.human.correlation.coefficients import Matrix, Vector
from dreambench.human.correlation.results import Unit


@dataclass(frozen=True)
class RatedImages:
    """Images that people rated.

    ``images`` has one row per image and the columns ``sample`` (its subject and prompt), ``method``, one per
    metric and one per human score (the mean over raters); NaN is a missing score. Its column ``unit`` says
    which images are not independent of each other: those of one sample, or of one subject.
    ``ratings`` has, for each human score, one row per image and one column per rater of ``raters``, NaN
    where a rater did not see the image. ``left_out`` counts the images that are left out, by the reason.
    """

    images: pd.DataFrame
    metrics: tuple[str, ...]
    humans: tuple[str, ...]
    raters: tuple[str, ...]
    ratings: Mapping[str, Matrix]
    left_out: Mapping[str, int] = field(default_factory=dict)
    unit: Unit = "sample"

    @property
    def complete(self) -> pd.Series:
        """True for each image that has every metric and every human score; only those are correlated."""
        return self.images[[*self.metrics, *self.humans]].notna().all(axis=1)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in alphabetical order."""
        return tuple(sorted(self.images["method"].unique()))

    def of_method(self, method: str) -> RatedImages:
        """Return one method's images."""
        return self._only(self.images["method"] == method)

    def only_complete(self) -> RatedImages:
        """Return the images that have every score."""
        return self._only(self.complete)

    @property
    def clusters(self) -> NDArray[np.object_]:
        """The name of each image's unit: a resample draws all images of a unit together."""
        return self.images[self.unit].to_numpy()

    def values(self, column: str) -> Vector:
        """Return a metric or a human score, one value per image."""
        return self.images[column].to_numpy(dtype=float)

    def _only(self, chosen: pd.Series) -> RatedImages:
        rows = np.flatnonzero(chosen.to_numpy())
        return replace(
            self,
            images=self.images.iloc[rows].reset_index(drop=True),
            ratings={human: values[rows] for human, values in self.ratings.items()},
            left_out={},
        )
