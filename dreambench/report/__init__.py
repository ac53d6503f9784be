"""The report: tables and a page that opens from disk. Works on pandas frames, never imports torch.

The package is callable: ``dreambench.report(...)`` is a public function, and Python replaces that name with
the package as soon as any of its modules is imported.
"""

import sys
from types import ModuleType
from typing import Any

from dreambench.report.main_table import terminal_table
from dreambench.report.single_file import write_single_file
from dreambench.report.write import write_report, write_report_of

__all__ = ["terminal_table", "write_report", "write_report_of", "write_single_file"]


class _CallablePackage(ModuleType):
    def __call__(self, *runs: Any, **asked: Any) -> Any:
        return write_report_of(*runs, **asked)


sys.modules[__name__].__class__ = _CallablePackage
