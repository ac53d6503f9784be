"""Tables and page of a run in progress: made after a subject is done, but rarely enough to cost little."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from dreambench.errors import DreambenchError
from dreambench.progress import ProgressListener
from dreambench.runs.prepare import Prepared
from dreambench.store import RunFolder

#: A run shorter than this many seconds needs no page before its end.
PATIENCE = 20.0
#: The page is made again after this many times the seconds that it took.
SPARING = 20.0


class LiveTables:
    """Scores what a run has so far and shows it, when a subject is done and enough time has passed.

    ``score`` writes the score tables of the finished subjects, ``show`` makes their page.
    """

    def __init__(
        self,
        score: Callable[[Prepared, RunFolder, ProgressListener, Collection[str]], None],
        show: Callable[[RunFolder], object],
    ) -> None:
        self.score, self.show = score, show
        self._next = time.monotonic() + PATIENCE

    def refresh(
        self, prepared: Prepared, run_folder: RunFolder, watch: ProgressListener, ended: Collection[str]
    ) -> bool:
        """Make tables and page of the finished subjects if it is time; return whether it was."""
        began = time.monotonic()
        if began < self._next:
            return False
        try:
            self.score(prepared, run_folder, watch, ended)
            self.show(run_folder)
        except DreambenchError as error:  # the run itself continues
            watch.say(f"no page yet: {error}")
        now = time.monotonic()
        self._next = now + max(PATIENCE, SPARING * (now - began))
        return True
