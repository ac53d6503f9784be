"""The store: run folders whose files are whole or absent, and which resume after a kill."""

from dreambench.store.record import RunRecord
from dreambench.store.run_folder import RunFolder, locked_run, open_run

__all__ = ["RunFolder", "RunRecord", "locked_run", "open_run"]
