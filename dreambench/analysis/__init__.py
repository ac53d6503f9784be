"""Analysis: scores per image become tables with intervals. Works on pandas frames, never imports torch."""

from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.analysis.summarize import summarize, summary_of
from dreambench.analysis.summary import Row, Score, SubjectScores, Summary

__all__ = [
    "Row",
    "RunScores",
    "Score",
    "SubjectScores",
    "Summary",
    "read_run_scores",
    "summarize",
    "summary_of",
]
