"""The adapter for DreamBench++'s ratings, on a small folder of its layout."""

from __future__ import annotations

import json
from pathlib import Path

import krippendorff
import numpy as np
import pytest

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.human.dreambench_plus import interval_alpha, read_plus

FIRST = {"0": 4, "1": 2, "2": 0, "3": 3, "4": None}
SECOND = {"0": 4, "1": 1, "2": 0, "3": 4, "4": 2}
JUDGE = {"0": 4, "1": 3, "2": 1, "3": 4, "4": 2}
DINO = {"0": 80.0, "1": 60.0, "2": 30.0, "3": 75.0, "4": 50.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    merged = tmp_path / "data_human_rating" / "merged_data"
    files = {
        merged / "group1" / "blip-cp.json": FIRST,
        merged / "group2" / "blip-cp.json": SECOND,
        merged / "group1" / "blip-pf.json": SECOND,
        merged / "group2" / "blip-pf.json": SECOND,
        tmp_path / "data_gpt_rating" / "concept_preservation_full" / "blip.json": JUDGE,
        tmp_path / "data_dino_rating" / "blip.json": DINO,
    }
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return tmp_path


def table(*raters: dict) -> np.ndarray:
    return np.array([[np.nan if r[k] is None else r[k] for k in FIRST] for r in raters], float)


def test_alpha_is_the_papers(folder: Path):
    found = read_plus(folder)
    row = next(row for row in found.rows if row.question == "concept preservation")
    raters = krippendorff.alpha(table(FIRST, SECOND), level_of_measurement="interval")
    assert row.raters == pytest.approx(raters)
    pairs = [krippendorff.alpha(table(r, JUDGE), level_of_measurement="interval") for r in (FIRST, SECOND)]
    assert row.judge == pytest.approx(np.mean(pairs))
    assert (row.n, row.missing) == (4, 1)


def test_the_judges_three_runs_are_averaged_as_in_the_paper(folder: Path):
    runs = {"": JUDGE, "2": SECOND, "3": dict(zip(JUDGE, (0, 4, 3, 1, 2), strict=True))}
    for end, answers in runs.items():
        file = folder / "data_gpt_rating" / f"concept_preservation_full{end}" / "blip.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(answers))
    alphas = [
        krippendorff.alpha(table(group, run), level_of_measurement="interval")
        for run in runs.values()
        for group in (FIRST, SECOND)
    ]
    assert read_plus(folder).rows[0].judge == pytest.approx(np.mean(alphas))


def test_a_metric_is_correlated_with_each_group_and_averaged(folder: Path):
    row = read_plus(folder).rows[0]
    groups = table(FIRST, SECOND)
    dino = np.array(list(DINO.values()))
    rs = [np.corrcoef(dino[np.isfinite(g)], g[np.isfinite(g)])[0, 1] for g in groups]
    assert row.metrics["dino"] == pytest.approx(np.mean(rs))


def test_what_is_not_there_is_null(folder: Path):
    row = next(row for row in read_plus(folder).rows if row.question == "prompt following")
    assert row.judge is None
    assert row.metrics == {}
    assert row.raters == pytest.approx(1.0)


def test_ratings_that_do_not_vary_have_no_alpha():
    assert interval_alpha([{"0": 1, "1": 1}, {"0": 1, "1": 1}]) is None


def test_a_number_that_is_none_names_file_and_image(folder: Path):
    (folder / "data_human_rating" / "merged_data" / "group2" / "blip-cp.json").write_text('{"0": "four"}')
    with pytest.raises(DreambenchError, match=r"group2/blip-cp\.json, 0: 'four' is not a number"):
        read_plus(folder)


def test_a_method_that_only_a_later_group_rated_is_not_left_out(folder: Path):
    (folder / "data_human_rating" / "merged_data" / "group2" / "emu2-cp.json").write_text(json.dumps(SECOND))
    with pytest.raises(DreambenchError, match=r"group1/emu2-cp\.json cannot be read"):
        read_plus(folder)


@pytest.mark.parametrize("words", [[], ["--data", "."]])
def test_without_the_files_it_says_where_to_get_them(words: list[str], capsys):
    with pytest.raises(SystemExit) as ended:
        main(["correlate", "dreambench++", *words])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "github.com/yuangpeng/dreambench_plus" in said
    assert said.count("\n") == 1


def test_the_table_has_both_questions(folder: Path, capsys):
    with pytest.raises(SystemExit):
        main(["correlate", "dreambench++", "--data", str(folder)])
    said = capsys.readouterr().out
    assert "Concept preservation" in said
    assert "Prompt following" in said
