"""Two processes never write to one run folder, and a killed one leaves no lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from dreambench.errors import DreambenchError
from dreambench.store import locked_run
from dreambench.store.writer_lock import only_writer
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


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot remove a file that is open")
class TestLockFile:
    def test_the_writer_takes_its_lock_away(self, tmp_path):
        with only_writer(tmp_path / "run", "run"):
            assert (tmp_path / "run" / ".lock").exists()
        assert list((tmp_path / "run").iterdir()) == []

    def test_who_opened_the_lock_just_before_it_was_removed_does_not_hold_a_lock_that_is_gone(
        self, tmp_path, monkeypatch
    ):
        acquire, taken = FileLock.acquire, []

        def acquired(lock, *arguments, **options):
            held = acquire(lock, *arguments, **options)
            if not taken:  # as if the last holder had removed the file after it was opened here
                os.unlink(lock.lock_file)
            taken.append(lock)
            return held

        monkeypatch.setattr(FileLock, "acquire", acquired)
        with only_writer(tmp_path, "run"):
            assert len(taken) == 2
            with pytest.raises(DreambenchError, match="another run is working in"):
                only_writer(tmp_path, "run").__enter__()
