"""The report of a correlation analysis: tables and figures. Never imports torch."""

from dreambench.report.correlation.correlation_files import write_correlation
from dreambench.report.correlation.text import terminal

__all__ = ["terminal", "write_correlation"]
