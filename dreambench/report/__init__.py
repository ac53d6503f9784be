"""The report: tables and a page that opens from disk. Works on pandas frames, never imports torch.

The package is callable: ``dreambench.report(...)`` is ``write_report_of``. A function of that name beside the
package would be replaced by the package as soon as any of its modules is imported.
"""

import sys
from types import ModuleType

from dreambench.report.main_table import terminal_table
from dreambench.report.single_file import write_single_file
from dreambench.report.write import write_report, write_report_of

__all__ = ["terminal_table", "write_report", "write_report_of", "write_single_file"]


class _CallablePackage(ModuleType):
    __call__ = staticmethod(write_report_of)


sys.modules[__name__].__class__ = _CallablePackage
