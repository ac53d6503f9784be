"""The log file of one task: a line with its time for everything that happens to it."""

from __future__ import annotations

from datetime import UTC, datetime

from dreambench.executors.task import QueuedTask
from dreambench.progress import ProgressListener


class TaskLog:
    """A listener that writes a task's stages and notices into its log, and passes everything on.

    Lines are appended as they come: unlike the results, a log may end in the middle of a line. ``fraction``
    is how much of the task is done, 0 to 1, by its shares.
    """

    def __init__(self, queued: QueuedTask, watch: ProgressListener) -> None:
        self.queued, self._watch = queued, watch
        self.fraction = 0.0
        self._open: set[str] = set()

    def note(self, text: str) -> None:
        """Write lines into the log alone."""
        if self.queued.log is None:
            return
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        self.queued.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.queued.log, "a", encoding="utf-8") as file:
            file.writelines(f"{stamp} {line}\n" for line in text.splitlines())

    def start(self, name: str, total: int, done: int = 0) -> None:
        """A stage begins."""
        self.note(f"{name}: {total}")
        self._open.add(name)
        self._watch.start(name, total, done)

    def advance(self, name: str, count: float = 1) -> None:
        """A stage moves on."""
        share = self.queued.shares.get(name, 0.0) * count
        self.fraction = min(1.0, self.fraction + share)
        self._watch.advance(name, count)

    def finish(self, name: str) -> None:
        """A stage has ended."""
        self._open.discard(name)
        self._watch.finish(name)

    def say(self, line: str) -> None:
        """A notice, for the log and for the user."""
        self.note(line)
        self._watch.say(line)

    def abandon(self) -> None:
        """Remove the bars of an attempt that ended in the middle of a stage."""
        for name in sorted(self._open):
            self.finish(name)
        self.fraction = 0.0
