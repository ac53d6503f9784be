"""The store: run folders whose files are whole or absent, and which resume after a kill."""

from dreambench.store.opening import locked_run, open_run
from dreambench.store.record import RunRecord
from dreambench.store.run_folder import RunFolder

__all__ = ["RunFolder", "RunRecord", "locked_run", "open_run"]
