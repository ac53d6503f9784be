"""From scores per image to means, intervals, tests and claims. Works on pandas frames, without torch."""

from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.analysis.summarize import summarize, summary_of
from dreambench.analysis.summary import Summary

__all__ = ["RunScores", "Summary", "read_run_scores", "summarize", "summary_of"]
