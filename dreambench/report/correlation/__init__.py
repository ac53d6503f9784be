"""The report of a correlation analysis: tables and figures. Never imports torch."""

from dreambench.report.correlation.text import terminal
from dreambench.report.correlation.write import write_correlation

__all__ = ["terminal", "write_correlation"]
