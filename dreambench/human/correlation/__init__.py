"""Correlation of metrics with human judgment (paper, section 4.3), with intervals and paired tests."""

from dreambench.human.correlation.correlate import correlate
from dreambench.human.correlation.rated_images import RatedImages
from dreambench.human.correlation.results import Correlations, Scope

__all__ = ["Correlations", "RatedImages", "Scope", "correlate"]
