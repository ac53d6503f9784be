"""A command in this process, in an empty folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dreambench.cli import main
from tests.cli.checked_runs import baseline as baseline  # fixtures of several files here
from tests.cli.checked_runs import command as command
from tests.cli.checked_runs import seeds as seeds
from tests.cli.material import Done
from tests.dataset.conftest import own as own  # a fixture that both rooms use


@pytest.fixture
def dreambench(capsys, monkeypatch, tmp_path) -> Callable[..., Done]:
    """Run a command in this process, in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*words: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run
