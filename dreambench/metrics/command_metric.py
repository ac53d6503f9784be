"""A metric computed by another program, in its own environment: it reads and writes JSON lines.

For metrics whose dependencies conflict with ours. The program is started once per subject and gets a line
per image, ``{"image": path, "caption": text, "photos": [paths]}``. It answers each with a line
``{"score": number}``, in the same order. ``null`` is a missing score.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from dreambench.errors import DreambenchError
from dreambench.metrics.kept_scores import Number, content_key
from dreambench.spec.file_metric import FileMetric, FileMetricSpec, ScoredFile, missing_scores
from dreambench.spec.protocol_spec import ProtocolSpec


class CommandSpec(FileMetricSpec):
    """The program with its arguments, its name in the signature, and its limit in seconds per subject."""

    command: tuple[str, ...] = ()
    label: str = Field(
        default="", description="name and version, such as vqascore-1.0; part of the signature"
    )
    timeout: float = Field(default=3600, gt=0)


class CommandMetric(FileMetric):
    """The scores of a program; if it fails, the subject's scores are missing and a note says so."""

    title = "Command"
    definition = "the scores of another program, named in the signature"
    source = "protocol.encoders.command.command"
    encoder = "command"
    licence = "the program's"
    Settings = CommandSpec
    range = (-math.inf, math.inf)
    rank = 40

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the label, otherwise a digest of the command."""
        spec = self.settings(protocol)
        return {"command": spec.label or f"sha256-{content_key(*spec.command)[:8]}"}

    def score_files(
        self, files: Sequence[ScoredFile], settings: CommandSpec, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Start the program once, and return its scores. Raises DreambenchError if none is set."""
        if not settings.command:
            raise DreambenchError(
                "protocol.encoders.command.command names no program",
                "give --set protocol.encoders.command.command=[PROGRAM,ARGUMENT]",
            )
        asked = [
            {"image": str(f.image), "caption": f.caption, "photos": [str(photo) for photo in f.photos]}
            for f in files
        ]
        values, problem = answers_of(settings.command, asked, settings.timeout)
        if problem:
            note(f"{settings.command[0]}: {problem}; {missing_scores(len(files))}")
        return values


def answers_of(
    command: Sequence[str], asked: Sequence[Mapping[str, object]], timeout: float
) -> tuple[list[float], str | None]:
    """Start a program, send it a JSON line for each requested score, and return its scores.

    Also returns a problem in one line, or None; if there is one, all scores are NaN.
    """
    try:
        code, out, err = run_program(command, "".join(f"{json.dumps(line)}\n" for line in asked), timeout)
        if code == 0:
            return _numbers(out, len(asked)), None
        problem = f"exit code {code}: {last_line(err)}"
    except subprocess.TimeoutExpired:
        problem = f"no answer within {timeout:g} seconds"
    except (OSError, UnicodeDecodeError) as error:
        problem = in_words(error)
    except ValueError:
        problem = f'its answer does not have {len(asked)} lines such as {{"score": 0.5}}'
    return [math.nan] * len(asked), problem


def run_program(command: Sequence[str], asked: str, timeout: float) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr. Raises TimeoutExpired after killing the program's processes."""
    pipe = subprocess.PIPE
    # In its own session, so that processes that it has started (a server, a loader) do not outlive it.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True) as program:
        try:
            out, err = program.communicate(asked.encode(), timeout=timeout)
        except BaseException:
            kill(program)
            raise
    # In UTF-8 as JSON is, whatever the locale; a progress bar on stderr may be anything.
    return program.returncode, out.decode(), err.decode(errors="replace")


def kill(program: subprocess.Popen[bytes]) -> None:
    """Kill a program that has a session of its own, with all that it has started; on Windows, it alone."""
    # On macOS, a group of which only an ended program is left does not permit it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(program.pid, signal.SIGKILL)
        else:
            program.kill()


def in_words(error: OSError | UnicodeDecodeError) -> str:
    """Return why a program did not start or answer, without an error number."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def last_line(text: str) -> str:
    """Return the last line that is not empty, at most 200 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no message"


class _Answer(BaseModel):
    score: Number | None


def read_score(line: str | bytes) -> float:
    """Return the number of a line ``{"score": number}``, NaN for null. Raises ValueError for another line."""
    score = _Answer.model_validate_json(line).score
    return math.nan if score is None else score


def _numbers(answer: str, count: int) -> list[float]:
    """Return the scores of an answer. Raises ValueError if it lacks one line with a number per image."""
    scores = [read_score(line) for line in answer.splitlines() if line.strip()]
    if len(scores) != count:
        raise ValueError(f"{len(scores)} lines")
    return scores
