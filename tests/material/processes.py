"""Several command lines in one process of their own, whose imports take most of the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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


def run_commands(
    commands: Sequence[list[str]], *packages: Path, before: str = "", cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run commands one after the other, up to the first that fails, with further ``packages`` to import.

    ``before`` is Python that runs first.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*packages, ROOT]))}
    command = [sys.executable, "-c", before + _COMMANDS, json.dumps(list(commands))]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
