"""Command lines and scripts in a process of their own, whose heavy imports are done once for all of them.

To import torch, diffusers and what else a run needs takes seconds of a core, which is most of what a small
run takes. A process is therefore forked from one that has imported them, whose other state is fresh. Tests of
the start itself (`python -m dreambench`, what an import loads) start a Python of their own.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
#: What a run imports sooner or later: done once, in the process that all others are forked from.
_IMPORTS = (
    *("dreambench.cli", "dreambench.runs.run", "dreambench.runs.runner", "dreambench.report.write"),
    *("dreambench.methods.textual_inversion", "dreambench.methods.dreambooth_lora", "pyarrow.dataset"),
    *("diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion", "open_clip", "lpips"),
    *("transformers.models.clip.modeling_clip", "matplotlib.pyplot", "matplotlib.backends.backend_svg"),
)
_COMMANDS = """
import json, sys
from dreambench.cli import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as end:
        if end.code:
            raise
"""


def forking() -> Any:
    """Return the ``multiprocessing`` context whose processes are forked from the one with the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTS])
    return context


def begin(environment: dict[str, str], out: int, err: int) -> None:
    """Make a forked process a fresh one: its environment, its signals, and where its output goes."""
    # The fork server's environment is that of its start, which may be an earlier test's.
    os.environ.clear()
    os.environ.update(environment)
    # What a parent ignores (a job in the background Ctrl-C, nohup a hang-up) must not be handed down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ignored in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_DFL)
    os.dup2(out, 1)
    os.dup2(err, 2)


def run_script(
    script: str, *arguments: str, packages: Sequence[Path] = (), cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script as ``python -c`` does, with further ``packages`` to import, and return how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("out", "err")]
        given = (script, list(arguments), list(map(str, packages)), str(cwd or Path.cwd()), dict(os.environ))
        process = forking().Process(target=_script, args=(*given, *map(str, files)))
        process.start()
        process.join()
        shown = [file.read_text(encoding="utf-8") for file in files]
    return subprocess.CompletedProcess(["-c", *arguments], int(process.exitcode or 0), *shown)


def _script(
    script: str, arguments: list[str], packages: list[str], cwd: str, environment: dict[str, str], *files: str
) -> None:
    begin(environment, *(os.open(file, os.O_WRONLY | os.O_CREAT) for file in files))
    os.chdir(cwd)
    sys.path[:0] = packages
    importlib.invalidate_caches()
    sys.argv = ["-c", *arguments]
    exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})


def run_commands(
    commands: Sequence[list[str]], *packages: Path, before: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run commands one after the other, up to the first that fails, with further ``packages`` to import.

    ``before`` is Python that runs first.
    """
    return run_script(before + _COMMANDS, json.dumps(list(commands)), packages=packages, cwd=cwd)
