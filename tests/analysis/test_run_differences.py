"""Paired differences between runs, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.analysis import read_run_scores
from dreambench.analysis.run_differences import holm, run_differences
from tests.analysis.material import image_row, make_run


def _runs(path: Path, second: dict[str, float]) -> list:
    first = dict.fromkeys("abcdef", 0.5)
    runs = [
        make_run(path / name, [image_row(s, 0, 0, (v, v, 0.3)) for s, v in values.items()], subjects="abcdef")
        for name, values in (("one", first), ("two", second))
    ]
    return read_run_scores(runs)


def test_mean_count_and_exact_p(tmp_path: Path) -> None:
    second = {name: 0.5 + 0.01 * (number + 1) for number, name in enumerate("abcdef")}
    rows = {row.metric: row for row in run_differences(_runs(tmp_path, second))}
    dino = rows["dino"]
    assert dino.mean == pytest.approx(0.035)
    assert (dino.n, dino.above) == (6, 6)
    assert dino.p == pytest.approx(2 / 2**6)  # all six signs alike, two-sided
    assert dino.ci95[0] > 0
    assert (rows["clip_t"].mean, rows["clip_t"].p) == (0, 1)  # nothing differs
    assert dino.p_holm == pytest.approx(3 * 2 / 2**6)  # three metrics were tested


def test_a_subject_that_one_run_lacks_is_left_out(tmp_path: Path) -> None:
    rows = run_differences(_runs(tmp_path, {"a": 0.7, "b": 0.3}))
    assert {row.n for row in rows} == {2}


def test_one_run_has_no_differences(tmp_path: Path) -> None:
    assert run_differences(_runs(tmp_path, {"a": 0.7})[:1]) == []


def test_holm() -> None:
    assert holm([0.04, None, 0.01, 0.03]) == [
        pytest.approx(0.06),
        None,
        pytest.approx(0.03),
        pytest.approx(0.06),
    ]
    assert holm([0.9, 0.8]) == [1, 1]
