"""A finished run to damage, and a command that must be refused: exit code 2, one line, nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dreambench.store import RunFolder, open_run
from tests.analysis.material import make_run, two_subjects, two_subjects_tables
from tests.cli.conftest import dreambench as dreambench  # a fixture that both rooms use
from tests.dataset.conftest import own as own  # a fixture that both rooms use

#: What an exception that nobody foresaw begins with.
_BARE = re.compile(r"^dreambench: [A-Z]\w*(Error|Exception|Warning)?: ")


@pytest.fixture
def refused(dreambench) -> Callable[..., str]:
    """Run a command that must fail, and return its one line."""

    def run(*words: str) -> str:
        line: str = dreambench(*words).only_line
        assert not _BARE.match(line), line
        assert len(line) < 1500, f"a line of {len(line)} characters"
        assert list(Path.cwd().iterdir()) == [], "something was written"
        return line

    return run


@pytest.fixture(name="run")
def finished_run(tmp_path: Path) -> RunFolder:
    """A run that ended as runs do, with the checksums of its tables in its log."""
    made = make_run(tmp_path / "run", two_subjects(), tables=two_subjects_tables(), pictures=True)
    (made.path / "logs").mkdir()
    made.loss_file("ant").write_text("step,photo,prior,total\n1,0.5,0.25,0.75\n2,0.4,0.2,0.6\n")
    made.save_record("complete")
    return open_run(made.path)
