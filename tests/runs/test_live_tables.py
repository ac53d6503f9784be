"""A run that goes on has a page: of the subjects that have ended, and only if it costs little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.progress import reporter
from dreambench.report import write_report
from dreambench.runs import runner
from dreambench.runs.run import run
from dreambench.runs.runner import Job, LiveTables
from dreambench.runs.score_run import score_run
from dreambench.store import RunFolder, open_run
from tests.executors.material import Silent, prepared, run_here, words


def call(command: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(command)
    return int(end.value.code or 0)


def test_a_page_of_the_subjects_that_have_ended(
    tiny: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "PATIENCE", 0.0)
    monkeypatch.setattr(runner, "SPARING", 0.0)
    pages = []

    def kept(runs: list[RunFolder], out: Path, **options: Any) -> Path:
        page = write_report(runs, out, **options)
        pages.append(page.read_text())
        return page

    monkeypatch.setattr("dreambench.report.write_report", kept)
    assert call(words(tiny, "dog,dog2,vase", tmp_path / "run")) == 0
    page = tmp_path / "run" / "report" / "index.html"
    assert f"report: {page}, from the first subject on" in capsys.readouterr().err
    assert len(pages) == 3
    for done, text in enumerate(pages[:2], start=1):
        assert f"{done} of 3 subjects done, " in text
        assert "in progress" in text
    assert "subjects done" not in page.read_text()
    assert open_run(tmp_path / "run").record.status == "complete"


def test_a_short_run_has_none_before_its_end(tiny: dict[str, str], tmp_path: Path) -> None:
    shown: list[RunFolder] = []
    models = {name: value for name, value in tiny.items() if name not in ("base", "data")}
    small = {"method.prior_preservation": False, "method.steps": 2, "sampler.steps": 2, **models}
    (folder,) = run(
        "paper-sd15",
        show=shown.append,
        out=tmp_path / "run",
        subjects="dog,vase",
        prompts="0",
        images_per_prompt=1,
        metrics="dino",
        base=tiny["base"],
        data=tiny["data"],
        overrides=small,
    )
    assert folder.record.status == "complete"
    assert shown == []


def test_files_of_a_subject_that_a_worker_is_at_are_left_alone(tiny: dict[str, str], tmp_path: Path) -> None:
    job = prepared(tiny, "dog", "vase")
    folder = run_here(Job(job, tmp_path / "run"), Silent())
    folder.save_record("started")  # as while workers are at it: no table is final
    score_run(job, folder, Silent(), only=["dog"])
    scores = open_run(tmp_path / "run").scores("images")
    assert scores[scores.subject == "dog"].dino.notna().all()
    assert len(scores[scores.subject == "vase"]) == 8
    assert scores[scores.subject == "vase"].dino.isna().all()
    score_run(job, folder, Silent())
    assert open_run(tmp_path / "run").scores("images").dino.notna().all()


def test_it_is_made_seldom_enough_to_cost_a_twentieth(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(runner.time, "monotonic", lambda: clock[0])

    def spend(*arguments: object) -> None:
        clock[0] += 3.0

    monkeypatch.setattr(runner, "score_run", spend)
    live, made = LiveTables(spend), []
    with reporter(quiet=True) as watch:
        while clock[0] < 600:
            clock[0] += 1.0
            if live.refresh(None, None, watch, []):  # type: ignore[arg-type]
                made.append(clock[0])
    assert made[0] == 26.0
    assert 4 <= len(made) <= 6


def test_a_page_that_cannot_be_made_does_not_end_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "PATIENCE", 0.0)

    def fail(*arguments: object) -> None:
        raise DreambenchError("no space left", "free some space")

    monkeypatch.setattr(runner, "score_run", fail)
    with reporter(quiet=True) as watch:
        assert LiveTables(fail).refresh(None, None, watch, [])  # type: ignore[arg-type]
    assert "no page yet: no space left" in capsys.readouterr().err
