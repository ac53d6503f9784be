"""A metric of another program, in an environment of its own: it reads JSON lines and answers with them.

For metrics whose dependencies cannot live beside ours. Per subject the program is started once and gets a
line per image, ``{"image": path, "caption": text, "photos": [paths]}``; it answers with as many lines
``{"score": number}``, in the same order. ``null`` is a missing score.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from dreambench.errors import DreambenchError
from dreambench.spec.file_metric import FileMetric, FileMetricSpec, ScoredFile
from dreambench.spec.protocol_spec import ProtocolSpec


class CommandSpec(FileMetricSpec):
    """The program with its arguments, what the signature calls it, and its limit in seconds for a subject."""

    command: tuple[str, ...] = ()
    label: str = Field("", description="name and version, such as vqascore-1.0; part of the signature")
    timeout: float = Field(3600, gt=0)


class CommandMetric(FileMetric):
    """The numbers of a program; one that fails leaves its subject's scores missing, and says so in a line."""

    title = "Command"
    definition = "the numbers of another program, which the signature names"
    source = "protocol.encoders.command.command"
    encoder = "command"
    licence = "the program's"
    Settings = CommandSpec
    range = (-math.inf, math.inf)
    rank = 40

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the label, otherwise a digest of the command."""
        spec = protocol.encoder_spec(self.encoder)
        assert isinstance(spec, CommandSpec)
        digest = hashlib.sha256("\0".join(spec.command).encode()).hexdigest()[:8]
        return {"command": spec.label or f"sha256-{digest}"}

    def score_files(
        self, files: Sequence[ScoredFile], settings: CommandSpec, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Start the program once, and return its numbers. Raises DreambenchError where none is named."""
        if not settings.command:
            raise DreambenchError(
                "protocol.encoders.command.command names no program",
                "--set protocol.encoders.command.command=[PROGRAM,ARGUMENT]",
            )
        asked = [
            {"image": str(f.image), "caption": f.caption, "photos": [str(photo) for photo in f.photos]}
            for f in files
        ]
        values, problem = answers_of(settings.command, asked, settings.timeout)
        if problem:
            note(f"{settings.command[0]}: {problem}; {len(files)} scores are missing")
        return values


def answers_of(
    command: Sequence[str], asked: Sequence[Mapping[str, object]], timeout: float
) -> tuple[list[float], str | None]:
    """Start a program, give it a JSON line for each score that is asked for, and return its numbers.

    With them comes a problem in one line, or None; where there is one, all numbers are NaN.
    """
    try:
        code, out, err = run_program(command, "".join(f"{json.dumps(line)}\n" for line in asked), timeout)
        problem = f"exit code {code}: {last_line(err)}" if code else None
        values = None if problem else _numbers(out, len(asked))
    except subprocess.TimeoutExpired:
        problem, values = f"no answer within {timeout:g} seconds", None
    except (OSError, UnicodeDecodeError) as error:
        problem, values = str(error), None
    if values is not None:
        return values, None
    problem = problem or f'its answer is not {len(asked)} lines such as {{"score": 0.5}}'
    return [math.nan] * len(asked), problem


def run_program(command: Sequence[str], asked: str, timeout: float) -> tuple[int, str, str]:
    """Return exit code, answer and messages. Raises TimeoutExpired after all that it started was killed."""
    pipe = subprocess.PIPE
    # In a session of its own, so that what the program has started (a server, a loader) does not outlive it.
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as program:
        try:
            out, err = program.communicate(asked, timeout=timeout)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            raise
    return program.returncode, out, err


def last_line(text: str) -> str:
    """Return the last line that says something, at most 200 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no message"


def _numbers(answer: str, count: int) -> list[float] | None:
    """Return the numbers of an answer; None where it is not as many lines as images, each with a number."""
    lines = [line for line in answer.splitlines() if line.strip()]
    if len(lines) != count:
        return None
    found = []
    for line in lines:
        try:
            value = json.loads(line)["score"]
        except (ValueError, TypeError, KeyError):
            return None
        if value is None:
            found.append(math.nan)
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        else:
            found.append(float(value))
    return found
