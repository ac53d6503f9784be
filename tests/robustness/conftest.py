"""A command in this process that must be refused: exit code 2, one line, nothing written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

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
