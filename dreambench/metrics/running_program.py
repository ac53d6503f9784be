"""A program that stays: it loads its model once, and answers each JSON line on stdin with one on stdout."""

from __future__ import annotations

import contextlib
import json
import math
import queue
import subprocess
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from threading import Thread
from typing import IO, ClassVar

from dreambench.metrics.command_metric import in_words, kill, last_line, read_score


class RunningProgram:
    """A program that starts at the first request and ends with this object, or when another one starts.

    Only one runs at a time: several models might not fit into a GPU together. A program that has failed is
    started again at the next request.
    """

    _latest: ClassVar[weakref.ref[RunningProgram] | None] = None

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._program: subprocess.Popen[bytes] | None = None

    def scores(self, asked: Sequence[Mapping[str, object]], timeout: float) -> tuple[list[float], str | None]:
        """Return a score for each request, and a problem in one line (None without one).

        After a problem, which also is to need more than ``timeout`` seconds for all, scores are NaN.
        """
        found: list[float] = []
        end = time.monotonic() + timeout
        try:
            for request in asked:
                found.append(self._answer(request, end))
            return found, None
        except queue.Empty:
            problem = f"no answer within {timeout:g} seconds"
        except _EndedError as ended:
            problem = str(ended)
        except OSError as error:
            problem = in_words(error)
        except ValueError:
            problem = 'its answer is not a line such as {"score": 0.5}'
        self.stop()
        return found + [math.nan] * (len(asked) - len(found)), problem

    def _answer(self, request: Mapping[str, object], end: float) -> float:
        if self._program is None:
            self._program = self._start()
        assert self._program.stdin is not None
        # A program that has just ended is told by its exit code, not by the pipe that it leaves behind.
        with contextlib.suppress(BrokenPipeError):
            self._program.stdin.write(f"{json.dumps(request)}\n".encode())
            self._program.stdin.flush()
        line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
        if line is None:
            code = self._program.wait()
            self._errors.seek(0)
            message = last_line(self._errors.read().decode(errors="replace"))
            raise _EndedError(f"exit code {code}: {message}")
        return read_score(line)

    def _start(self) -> subprocess.Popen[bytes]:
        other = RunningProgram._latest() if RunningProgram._latest else None
        if other is not None:
            other.stop()
        RunningProgram._latest = weakref.ref(self)
        # A pipe that nobody reads would fill up.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the program
        pipe = subprocess.PIPE
        # In its own session, so that processes that it has started (a loader) do not outlive it.
        program = subprocess.Popen(
            self._command, stdin=pipe, stdout=pipe, stderr=self._errors, start_new_session=True
        )
        self._end = weakref.finalize(self, _kill, program, self._errors)
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        Thread(target=_read, args=(program, self._lines), daemon=True).start()
        return program

    def stop(self) -> None:
        """End the program; it has answered everything. The next request starts it again."""
        if self._program is not None:
            self._end()
            self._program = None


class _EndedError(Exception):
    """The program has ended before it answered."""


def _read(program: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    assert program.stdout is not None
    for line in program.stdout:
        if line.strip():
            lines.put(line)
    lines.put(None)


def _kill(program: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    kill(program)
    program.wait()
    errors.close()
    with contextlib.suppress(BrokenPipeError):
        program.stdin.close()  # type: ignore[union-attr]
