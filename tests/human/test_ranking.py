"""Metrics and judges ranked on ImagenHub's tasks: known figures, and small folders with every kind of gap."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.human.correlation.coefficients import coefficient
from dreambench.human.correlation.ranking import rank_task
from dreambench.human.imagenhub_tasks import TASKS, judge_folders, read_tasks
from tests.conftest import ROOT

# Computed apart from this package (issue 19): task, scorer, n, Pearson with the mean SC of the raters.
KNOWN = [
    ("generation", "gpt4o_0shot", 600, 0.672),
    ("generation", "dino", 600, 0.547),
    ("generation", "gpt4v_0shot", 518, 0.458),
    ("generation", "clip_i", 600, 0.376),
    ("editing", "gpt4o_0shot", 462, 0.586),
    ("editing", "dino", 462, 0.368),
    ("editing", "clip_i", 462, 0.307),
    ("multi-subject", "gpt4o_0shot", 306, 0.586),
    ("multi-subject", "clip_i", 306, 0.219),
    ("multi-subject", "dino", 306, 0.124),
]


@pytest.fixture(scope="session")
def all_tasks() -> Path:
    """The folder of the three tasks and five judges; the test is skipped where it is absent."""
    shared = Path(os.environ.get("DREAMBENCH_SHARED_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "imagenhub"
    if not folder.is_dir():
        pytest.skip(f"ImagenHub's three tasks are not in {folder} (set DREAMBENCH_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def rated(all_tasks: Path) -> dict:
    return {each.task.name: each for each in read_tasks(all_tasks)}


@pytest.mark.parametrize(("task", "scorer", "n", "known"), KNOWN)
def test_the_known_figures_are_met(rated, task, scorer, n, known):
    images = rated[task].images[["sc", scorer]].dropna()
    r, _ = coefficient("pearson", images[scorer].to_numpy(), images["sc"].to_numpy())
    assert len(images) == n
    assert r == pytest.approx(known, abs=6e-4)


def test_guesses_are_counted(rated):
    guessed = {name: int(each.guessed.sum().sum()) for name, each in rated.items()}
    assert guessed == {"generation": 26, "editing": 18, "multi-subject": 4}


def write_folder(place: Path, *, methods: int = 2, samples: int = 30) -> Path:
    """Write a small folder of one task: two raters, two metrics, a judge with a guess, a gap and rubbish."""
    dice = np.random.default_rng(0)
    task = TASKS["editing"]
    names = [f"M{i}" for i in range(methods)]
    truth = dice.choice([0.0, 0.5, 1.0], (samples, methods))
    tables = place / "human_ratings" / task.ratings
    tables.mkdir(parents=True)
    for rater in (1, 2):
        lines = ["\t".join(["uid", *names])]
        for i in range(samples):
            lines.append("\t".join([f"sample_{i}.jpg", *(f"[{v}, 1]" for v in truth[i])]))
        (tables / f"T_rater{rater}.tsv").write_text("\n".join(lines) + "\n")
    metrics = place / "results_autometrics" / task.scores
    metrics.mkdir(parents=True)
    for column, name in enumerate(names):
        noise = dice.normal(0, 0.2, samples)
        scores = {
            f"sample_{i}.jpg": {"DINO": truth[i, column] + noise[i], "CLIP_I": float(dice.normal())}
            for i in range(samples)
        }
        (metrics / f"{name}.json").write_text(json.dumps(scores))
        judge = place / "results_kind_0shot" / task.scores / name
        judge.mkdir(parents=True)
        replies = {
            uid: {"score": [10, 10 * truth[i, column]], "reasoning": "it looks well"}
            for i, uid in enumerate(scores)
        }
        (judge / "SC.json").write_text(json.dumps(replies))
    file = place / "results_kind_0shot" / task.scores / "M0" / "SC.json"
    replies = json.loads(file.read_text())
    replies["sample_0.jpg"] = {"score": [3], "reasoning": "guess_if_cannot_parse | I cannot see images"}
    replies["sample_1.jpg"] = {"score": "ten", "reasoning": ""}
    del replies["sample_2.jpg"]
    file.write_text(json.dumps(replies))
    return place


def test_a_judge_is_the_smallest_of_its_scores_and_gaps_stay_gaps(tmp_path):
    (rated,) = read_tasks(write_folder(tmp_path), "editing")
    ranking = rank_task(rated)
    assert [each.scorer for each in ranking.scorers][-1] == "clip_i"
    judge = next(each for each in ranking.scorers if each.kind == "judge")
    assert (judge.n, judge.missing, judge.guessed) == (58, 2, 1)
    assert judge.without_guesses == pytest.approx(1.0)
    assert judge.pearson.r < 1
    low, high = judge.pearson.ci95_bootstrap
    assert low < judge.pearson.r < high
    assert ranking.dino_over_clip_i == "holds"
    pair = next(pair for pair in ranking.pairs if pair.second == "clip_i")
    assert pair.difference > 0
    assert pair.p <= pair.p_holm <= 1
    assert ranking.ceiling.pearson == pytest.approx(1.0)


def test_the_command_writes_a_page_that_says_where_dino_is_not_better(tmp_path, capsys):
    data = write_folder(tmp_path / "data")
    scores = data / "results_autometrics" / TASKS["editing"].scores
    for file in scores.glob("*.json"):  # the two metrics change places
        content = json.loads(file.read_text())
        turned = {uid: {"DINO": s["CLIP_I"], "CLIP_I": s["DINO"]} for uid, s in content.items()}
        file.write_text(json.dumps(turned))
    asked = ["correlate", "imagenhub", "--data", str(data), "--task", "editing", "--judges", "all"]
    with pytest.raises(SystemExit) as ended:
        main([*asked, "--out", str(tmp_path / "out"), "--json"])
    assert ended.value.code == 0
    (task,) = json.loads(capsys.readouterr().out)["tasks"]
    assert task["dino_over_clip_i"] == "fails"
    page = (tmp_path / "out" / "ranking.html").read_text()
    assert "DINO follows people better than CLIP-I: fails" in page
    assert "kind_0shot" in page
    assert (tmp_path / "out" / "ranking.csv").read_text().count("\n") == 4
    assert "| kind\\_0shot | judge | 58 |" in (tmp_path / "out" / "ranking.md").read_text()


def test_a_difference_whose_interval_contains_0_is_undecided_on_either_side(tmp_path):
    data = write_folder(tmp_path)
    scores = data / "results_autometrics" / TASKS["editing"].scores
    dice = np.random.default_rng(1)
    for file in scores.glob("*.json"):  # the two metrics are the same one, but for some noise
        content = json.loads(file.read_text())
        alike = {uid: {m: s["DINO"] + dice.normal(0, 0.1) for m in s} for uid, s in content.items()}
        file.write_text(json.dumps(alike))
    (rated,) = read_tasks(data, "editing")
    turned = replace(rated, images=rated.images.rename(columns={"dino": "clip_i", "clip_i": "dino"}))
    sides = []
    for task in (rated, turned):
        ranking = rank_task(task)
        pair = next(pair for pair in ranking.pairs if pair.second == "clip_i")
        assert pair.ci95[0] < 0 < pair.ci95[1]
        assert ranking.dino_over_clip_i == "undecided"
        sides.append(pair.difference > 0)
    assert sorted(sides) == [False, True]


def test_a_task_that_is_named_twice_is_read_once(tmp_path):
    assert len(read_tasks(write_folder(tmp_path), "editing, editing", "none")) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "edditing"], "--task edditing is unknown; did you mean 'editing'"),
        (["--judges", "kind_1shot"], "--judges kind_1shot is unknown; did you mean 'kind_0shot'"),
        (["--data", "nowhere"], "contains no folder human_ratings"),
    ],
)
def test_what_is_unknown_is_one_clear_line(tmp_path, capsys, words, message):
    data = [] if "--data" in words else ["--data", str(write_folder(tmp_path, samples=4))]
    with pytest.raises(SystemExit) as ended:
        main(["correlate", "imagenhub", "--task", "editing", *data, *words])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_damaged_replies_name_their_file(tmp_path):
    data = write_folder(tmp_path, samples=4)
    file = data / "results_kind_0shot" / TASKS["editing"].scores / "M1" / "SC.json"
    file.write_text("[")
    with pytest.raises(DreambenchError, match=r"M1/SC\.json cannot be read as a judge's replies"):
        read_tasks(data, "editing")


def test_judges_are_the_folders_of_results(all_tasks):
    assert list(judge_folders(all_tasks)) == ["gemini_0shot", "gpt4o_0shot", "gpt4v_0shot", "llava_0shot"]
