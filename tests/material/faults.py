"""Killing a real process at a chosen change of its files, for the tests of resuming.

What a killed run leaves behind depends only on the file changes before the kill. Kills are therefore
counted in changes, not in seconds: every distinguishable instant can be chosen, and a seed fixes it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.material.processes import begin, forking

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.truncate"}


class KillSwitch:
    """An audit hook that counts changes of files below some folders, and dies at the chosen one."""

    def __init__(self, folders: Sequence[str], kill_at: int | None, number: int) -> None:
        self.folders, self.kill_at, self.number, self.count = tuple(folders), kill_at, number, 0

    def __call__(self, event: str, arguments: tuple) -> None:
        """Handle one audit event, which precedes the operation that it announces."""
        writes = event == "open" and len(arguments) > 1 and any(m in str(arguments[1]) for m in "wax+")
        if not (writes or event in _CHANGES) or not str(arguments[0]).startswith(self.folders):
            return
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), self.number)


def _command(
    words: list[str],
    folders: list[str],
    kill_at: int | None,
    number: int,
    count_file: str,
    log: str,
    environment: dict[str, str],
) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begin(environment, output, output)
    from dreambench.cli import main

    # A killed process loses nothing that the system has: only a machine that crashes needs the disk's word.
    os.fsync = lambda descriptor: None
    switch = KillSwitch(folders, kill_at, number)
    sys.addaudithook(switch)
    try:
        main(words)
    finally:
        Path(count_file).write_text(str(switch.count))


class Runner:
    """Runs ``dreambench`` command lines in processes of their own, with the heavy imports done once."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._context = forking()

    def run(
        self,
        words: list[str],
        folders: list[Path],
        kill_at: int | None = None,
        number: int = signal.SIGKILL,
    ) -> int:
        """Run a command and return its exit code (-9: killed); ``changes`` is then its number of changes.

        ``number`` is the signal that it gets at the change ``kill_at``.
        """
        count, log = self.scratch / "count", self.scratch / "log"
        count.unlink(missing_ok=True)
        watched = [str(folder) for folder in folders]
        arguments = (words, watched, kill_at, int(number), str(count), str(log), dict(os.environ))
        process = self._context.Process(target=_command, args=arguments)
        process.start()
        process.join()
        return int(process.exitcode or 0)

    @property
    def changes(self) -> int:
        """The number of file changes of the last command that was not killed."""
        return int((self.scratch / "count").read_text())

    @property
    def log(self) -> str:
        """The output of all commands so far."""
        return (self.scratch / "log").read_text(errors="replace")
