"""The design of an experiment: known components, power by simulation, the command on small runs."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from dreambench.analysis.power import Components, ScoredMethod, components, needed, power
from dreambench.analysis.power_study import lite_agreement, simulated_power, wrong_winner
from dreambench.cli import main
from dreambench.errors import DreambenchError
from tests.analysis.material import image_row, make_run, make_spec

SUBJECT, SEED, PROMPT, IMAGE = 0.06, 0.03, 0.05, 0.08  # standard deviations of one method's scores


def drawn(label: str, method: str, seed: int, dice, own, subjects: int = 400, shift: float = 0.0):
    """Draw a run: ``own`` has the parts of its method that its seeds share."""
    shape = (subjects, 10, 4)
    values = 0.5 + shift + own["subject"][:, None, None] + own["prompt"][..., None]
    values = values + dice.normal(0, SEED, (subjects, 1, 1)) + dice.normal(0, IMAGE, shape)
    return ScoredMethod(label, method, seed, values)


def two_methods(subjects: int = 400, shift: float = 0.05) -> list[ScoredMethod]:
    dice = np.random.default_rng(7)
    found = []
    for name, moved in (("a", 0.0), ("b", shift)):
        own = {
            "subject": dice.normal(0, SUBJECT, subjects),
            "prompt": dice.normal(0, PROMPT, (subjects, 10)),
        }
        found += [drawn(f"{name}{s}", name, s, dice, own, subjects, moved) for s in (0, 1)]
    return found


def test_the_components_are_those_that_were_put_in():
    found = components(two_methods())
    expected = [2 * SUBJECT**2, 2 * SEED**2, 2 * PROMPT**2, 2 * IMAGE**2]
    assert [found.subject, found.seed, found.prompt, found.image] == pytest.approx(expected, rel=0.2)
    assert found.pairs == 4


def test_the_variance_of_a_design_by_hand():
    found = Components(subject=1.0, seed=2.0, prompt=3.0, image=4.0, pairs=1)
    assert found.variance(5, images=2, seeds=4, prompts=10) == pytest.approx(
        (1 + 2 / 4 + 3 / 10 + 4 / (10 * 2 * 4)) / 5
    )


def by_sums(methods: list[ScoredMethod]) -> list[float]:
    """Return the components by sums of squares, subject by subject: a second computation of all of them."""
    noise = {}
    for name in {each.method for each in methods}:
        cubes = [each.values for each in methods if each.method == name]
        images = statistics.mean(statistics.variance(cell) for c in cubes for s in c for cell in s)
        means = [[float(s.mean()) for s in c] for c in cubes]
        between = statistics.mean(map(statistics.variance, zip(*means, strict=True)))
        noise[name] = max(0.0, between - images / cubes[0][0].size)
    parts = []
    for a, b in combinations(methods, 2):
        if a.method == b.method:
            continue
        cube, seed = a.values - b.values, noise[a.method] + noise[b.method]
        image = statistics.mean(statistics.variance(cell) for s in cube for cell in s)
        prompts = statistics.mean(statistics.variance(s.mean(axis=1)) for s in cube)
        subjects = statistics.variance(float(s.mean()) for s in cube)
        parts.append(
            (subjects - prompts / cube.shape[1] - seed, seed, prompts - image / cube.shape[2], image)
        )
    return [max(0.0, statistics.mean(part)) for part in zip(*parts, strict=True)]


@pytest.mark.parametrize("flat", [False, True])
def test_the_components_are_those_of_sums_of_squares(flat: bool):
    """``flat``: prompts and subjects do not differ, so that an estimate is below 0, and counts as 0."""
    methods = two_methods(6)
    if flat:
        dice = np.random.default_rng(2)
        methods = [replace(each, values=dice.normal(0.5, 0.1, (6, 10, 4))) for each in methods]
    found, expected = components(methods), by_sums(methods)
    assert [found.subject, found.seed, found.prompt, found.image] == pytest.approx(expected, abs=1e-12)
    assert (min(expected) == 0) == flat


def test_noise_that_two_runs_of_one_seed_share_is_no_part_of_their_difference():
    dice = np.random.default_rng(5)
    shared, pair = dice.normal(0, IMAGE, (400, 10, 4)), []
    for name in ("a", "b"):
        prompt = dice.normal(0.5, PROMPT, (400, 10, 1))
        pair.append(ScoredMethod(name, name, 0, prompt + shared + dice.normal(0, IMAGE / 2, shared.shape)))
    found = components(pair)
    assert [found.prompt, found.image] == pytest.approx([2 * PROMPT**2, 2 * (IMAGE / 2) ** 2], rel=0.1)


def test_the_variance_of_a_smaller_design_is_what_its_images_show():
    """Two images of 5 prompts of 100 subjects, drawn many times, against the formula."""
    methods = two_methods()
    a, b = methods[0], methods[2]
    predicted = components(methods).variance(100, 2, 1, prompts=5)
    dice = np.random.default_rng(1)
    means = []
    for _ in range(400):
        chosen = dice.integers(0, 400, 100)
        prompts, images = dice.permutation(10)[:5], dice.permutation(4)[:2]
        part = np.ix_(chosen, prompts, images)
        means.append(a.values[part].mean() - b.values[part].mean())
    assert np.var(means) == pytest.approx(predicted, rel=0.35)


@pytest.mark.parametrize(("subjects", "difference"), [(12, 0.05), (30, 0.02), (30, 0.05)])
def test_power_is_what_a_simulation_finds(subjects: int, difference: float):
    methods = two_methods()
    a, b = methods[0], methods[2]
    differences = a.values.mean(axis=(1, 2)) - b.values.mean(axis=(1, 2))
    predicted = power(difference, differences.var(ddof=1) / subjects, subjects)
    assert simulated_power(a, b, difference, subjects) == pytest.approx(predicted, abs=0.04)


def test_without_a_difference_the_power_is_the_level():
    assert power(0.0, 0.001, 20) == pytest.approx(0.05)


def test_what_is_needed_is_the_smallest_that_is_enough():
    found = components(two_methods())
    design = needed("dino", 0.05, found)
    enough, fewer = (found.variance(design.subjects - less, 4, 1) for less in (0, 1))
    assert power(0.05, enough, design.subjects) >= 0.8 > power(0.05, fewer, design.subjects - 1)
    assert needed("dino", 0.02, found).subjects > design.subjects


def test_where_subjects_differ_too_much_no_number_of_images_is_enough():
    design = needed("dino", 0.01, Components(subject=0.02, seed=0.001, prompt=0.01, image=0.01, pairs=1))
    assert design.images is None
    assert design.seeds is None
    assert design.subjects is not None


def test_methods_far_apart_keep_their_ranks_and_their_winner():
    far, near = two_methods(30, shift=0.5), two_methods(30, shift=0.005)
    assert lite_agreement("dino", [far[0], far[2]]).same_best == 1
    assert wrong_winner("dino", far).chance < 0.01
    assert wrong_winner("dino", near).chance > 0.3
    assert wrong_winner("dino", near).worst >= wrong_winner("dino", near).chance


def test_one_method_has_no_difference():
    with pytest.raises(DreambenchError, match="a difference needs two methods") as refused:
        components(two_methods()[:2])
    assert refused.value.remedy == "give runs of at least two methods"  # `power` takes no folder of runs


def small_run(path: Path, shift: float, steps: int, gap: bool = False) -> Path:
    dice = np.random.default_rng(int(10 * shift) + steps)
    names = [f"s{i}" for i in range(6)]
    cells = [(s, p, i) for s in names for p in range(2) for i in range(2)]
    rows = [image_row(*c, tuple(dice.normal(0.5 + shift, 0.1, 3))) for c in cells]
    rows[0] = image_row(*cells[0], None) if gap else rows[0]
    spec = make_spec()
    spec = spec.model_copy(update={"method": spec.method.model_copy(update={"steps": steps})})
    return make_run(path, rows, spec=spec, subjects=names).path


def test_the_command_writes_its_page(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    runs = [str(small_run(tmp_path / "x", 0.0, 1)), str(small_run(tmp_path / "y z", 0.2, 2))]
    page = tmp_path / "power.md"
    with pytest.raises(SystemExit) as ended:
        main(["power", *runs, "--page", str(page), "--json"])
    assert ended.value.code == 0
    captured = capsys.readouterr()
    assert captured.err.strip() == f"page: {page}"
    found = json.loads(captured.out)
    assert {each["metric"] for each in found["designs"]} == {"dino", "clip_i", "clip_t"}
    text = page.read_text()
    assert f"dreambench power {runs[0]} '{runs[1]}' --page {page}" in text
    assert "| DINO | 0.05 |" in text
    monkeypatch.chdir(tmp_path)  # of what lies here, the page names no folder of this machine
    with pytest.raises(SystemExit):
        main(["power", *runs, "--page", str(page), "--json"])
    assert capsys.readouterr().err.strip() == "page: power.md"
    assert "dreambench power x 'y z' --page power.md" in page.read_text()


@pytest.mark.parametrize("gap", [True, False])
def test_runs_that_cannot_answer_are_refused(tmp_path: Path, gap: bool, capsys):
    runs = [str(small_run(tmp_path / "x", 0.0, 1))]
    if gap:
        runs.append(str(small_run(tmp_path / "y", 0.0, 2, gap=True)))
    with pytest.raises(SystemExit) as ended:
        main(["power", *runs])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert ("signatures differ" in said) if gap else ("two methods" in said)
