"""Correlation of metrics with human judgement (paper, section 4.3), with intervals and paired tests."""

from dreambench.analysis.correlation.correlate import correlate
from dreambench.analysis.correlation.judged import Judged
from dreambench.analysis.correlation.results import Correlations, Scope

__all__ = ["Correlations", "Judged", "Scope", "correlate"]
