"""Two processes never write to one run folder, and a killed one leaves no lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.store import locked_run
from tests.store.material import record

ENTER = """
import sys
from pathlib import Path
from dreambench.errors import DreambenchError
from dreambench.store import RunRecord, locked_run
record = RunRecord.model_validate_json(Path(sys.argv[2]).read_text())
try:
    with locked_run(Path(sys.argv[1]), record):
        print("in", flush=True)
        sys.stdin.read()
except DreambenchError as error:
    print(error)
"""


class TestTwoProcesses:
    def enter(self, out: Path, folder: Path) -> subprocess.Popen[str]:
        wanted = folder / "record.json"
        wanted.write_text(record().model_dump_json())
        command = [sys.executable, "-c", ENTER, str(out), str(wanted)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def test_a_second_process_is_refused_with_one_line_while_the_first_works(self, tmp_path):
        with locked_run(tmp_path / "run", record()):
            said, _ = self.enter(tmp_path / "run", tmp_path).communicate("")
        assert said.splitlines() == [
            f"another run is working in {tmp_path / 'run'}; wait for it, or give another --out"
        ]
        said, _ = self.enter(tmp_path / "run", tmp_path).communicate("")
        assert said == "in\n"

    def test_a_process_that_is_killed_leaves_no_lock_behind(self, tmp_path):
        child = self.enter(tmp_path / "run", tmp_path)
        assert child.stdout is not None
        assert child.stdout.readline() == "in\n"
        with pytest.raises(DreambenchError, match="another run is working in"):
            locked_run(tmp_path / "run", record()).__enter__()
        child.kill()
        child.communicate()
        with locked_run(tmp_path / "run", record()):
            pass
