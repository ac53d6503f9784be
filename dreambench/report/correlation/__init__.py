"""The report of a correlation analysis: tables and figures. Never imports torch."""

from dreambench.report.correlation.correlation_files import terminal, write_correlation

__all__ = ["terminal", "write_correlation"]
