"""The report: tables and a page that opens from disk. Works on pandas frames, never imports torch."""

from dreambench.report.single_file import write_single_file
from dreambench.report.terminal import terminal_table
from dreambench.report.write import write_report

__all__ = ["terminal_table", "write_report", "write_single_file"]
