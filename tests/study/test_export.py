"""The export: votes by run and not by side, checks apart, and the paper's numbers turned rightly."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from dreambench.cli import main
from dreambench.human.votes import read_votes
from dreambench.study.draw import Sizes
from dreambench.study.export import _inattentive, export_study, paper_shares
from dreambench.study.folder import StudyFolder
from dreambench.study.study_plan import Pair, RunNote
from tests.study.material import Visitor, make_study, read_csv

COLUMNS = "study,rater,pair,subject,prompt_index,image_a,image_b,method_a,method_b,answer,seconds"


def answer_all(folder: StudyFolder) -> Visitor:
    """Let every rater prefer the first run, and in checks the subject's own photo, whatever the side."""
    visitor = Visitor(folder)
    for rater in visitor.plan.raters:
        path = visitor.start(rater.name)
        for step in rater.steps:
            assert visitor.answer(path, "right" if step.swapped else "left").status_code == 303
    return visitor


def test_a_is_the_first_run_whatever_side_it_was_on(tmp_path: Path) -> None:
    visitor = answer_all(make_study(tmp_path, Sizes(2, 3, 3, checks=1)))
    sides = {step.swapped for rater in visitor.plan.raters for step in rater.steps}
    assert sides == {True, False}
    results = export_study(visitor.folder.path)
    text = visitor.folder.votes_file.read_text(encoding="utf-8")
    rows = read_csv(visitor.folder.votes_file)
    assert text.splitlines()[0] == COLUMNS
    assert len(rows) == results.votes == 36
    assert {row["answer"] for row in rows} == {"a"}
    items = visitor.plan.items
    for row in rows:
        pair = items[row["pair"]]
        assert isinstance(pair, Pair)
        assert (row["image_a"], row["image_b"]) == (pair.file_a, pair.file_b)
        assert (row["method_a"], row["method_b"]) == ("ours", "theirs")
        assert (row["study"], row["subject"]) == (pair.study, pair.subject)
        assert int(row["prompt_index"]) == pair.prompt_index


def test_the_export_is_a_file_of_votes(tmp_path: Path) -> None:
    folder = make_study(tmp_path)
    export_study(folder.path)
    assert folder.votes_file.read_text(encoding="utf-8") == f"{COLUMNS}\n"  # before the first answer
    answer_all(folder)
    export_study(folder.path)
    votes = read_votes(folder.votes_file)
    assert (len(votes), set(votes["answer"])) == (36, {"a"})
    assert votes.notna().all(axis=None)


def test_checks_are_apart_and_no_votes(tmp_path: Path) -> None:
    visitor = answer_all(make_study(tmp_path, Sizes(2, 3, 3, checks=1)))
    results = export_study(visitor.folder.path, tmp_path / "out" / "mine.csv")
    assert results.checks_file == str(tmp_path / "out" / "mine-checks.csv")
    checks = read_csv(tmp_path / "out" / "mine-checks.csv")
    assert len(checks) == 12
    assert {(row["answer"], row["passed"]) for row in checks} == {("right", "True")}
    assert not any("check" in row["pair"] for row in read_csv(tmp_path / "out" / "mine.csv"))
    assert [(s.checks_passed, s.checks_answered) for s in results.studies] == [(6, 6), (6, 6)]


def test_inattentive_raters_are_left_out_on_request_and_table_2_has_both(tmp_path: Path) -> None:
    visitor = Visitor(make_study(tmp_path, Sizes(2, 3, 3, checks=1)))
    careless = visitor.plan.raters[0]
    for rater in visitor.plan.raters:
        path = visitor.start(rater.name)
        for step in rater.steps:
            right = "right" if step.swapped else "left"
            wrong = "left" if step.swapped else "right"
            visitor.answer(path, wrong if rater is careless else right)
    everyone = export_study(visitor.folder.path)
    some = export_study(visitor.folder.path, min_attention=0.5)
    assert (everyone.left_out, some.left_out) == ({}, {careless.name: 0.0})
    assert (everyone.votes, some.votes) == (36, 33)
    assert {row["rater"] for row in read_csv(visitor.folder.votes_file)} == {
        rater.name for rater in visitor.plan.raters[1:]
    }
    (study,) = [found for found in some.studies if found.study == careless.study]
    assert study.preference.win_rate.of + 3 == study.preference_of_all.win_rate.of
    assert everyone.studies[0].preference_of_all is None


def test_the_export_of_an_unfinished_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_study(tmp_path)
    visitor = Visitor(folder)
    visitor.answer(visitor.start("subject-01-1"), "undecided")
    with pytest.raises(SystemExit) as ended:
        main(["study", "export", str(folder.path)])
    printed = capsys.readouterr()
    assert not ended.value.code
    assert printed.out == f"{folder.votes_file}\n"
    assert "1 of 18" in printed.err
    assert "DreamBooth" in printed.err
    assert re.search(r"600 +68% +22% +10%", printed.err)
    assert "100.0%" in printed.err
    assert [row["answer"] for row in read_csv(folder.votes_file)] == ["undecided"]
    with pytest.raises(SystemExit):
        main(["study", "export", str(folder.path), "--json"])
    studies = json.loads(capsys.readouterr().out)["studies"]
    assert studies[0]["preference"]["majority"]["undecided"]["share"] == 1.0
    assert studies[1]["preference"] is None


def test_the_paper_is_turned_so_that_dreambooth_meets_dreambooth() -> None:
    dreambooth, other = RunNote(name="x", method="dreambooth"), RunNote(name="y", method="textual-inversion")
    straight, turned = paper_shares("subject", dreambooth, other), paper_shares("subject", other, dreambooth)
    assert (straight.method_a, straight.a, straight.b, straight.undecided) == ("DreamBooth", 0.68, 0.22, 0.1)
    assert (turned.method_a, turned.a, turned.b) == ("Textual Inversion", 0.22, 0.68)
    assert paper_shares("prompt", RunNote(name="x"), RunNote(name="y")).a == 0.81


def test_answers_of_another_study_are_refused(tmp_path: Path) -> None:
    first, second = make_study(tmp_path / "1"), make_study(tmp_path / "2", seed=5)
    answer_all(first)
    second.database_file.write_bytes(first.database_file.read_bytes())
    for rest in ("-wal", "-shm"):
        beside = first.database_file.with_name(f"study.db{rest}")
        if beside.exists():
            second.database_file.with_name(f"study.db{rest}").write_bytes(beside.read_bytes())
    with pytest.raises(SystemExit) as ended:
        main(["study", "export", str(second.path)])
    assert ended.value.code == 2
    assert not second.votes_file.exists()


def test_who_passes_just_the_asked_share_of_checks_stays() -> None:
    checks = pd.DataFrame({"rater": ["a", "a", "b", "b", "c"], "passed": [True, False, False, False, True]})
    assert _inattentive(checks, 0.5) == {"b": 0.0}
    assert _inattentive(checks, 0.51) == {"a": 0.5, "b": 0.0}
