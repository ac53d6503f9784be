"""Paired differences between runs, by hand."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from dreambench.analysis import read_run_scores, summarize
from dreambench.analysis.paired import run_differences
from dreambench.spec.protocol_spec import ProtocolSpec
from tests.analysis.material import image_row, make_run, make_spec


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


def test_the_mean_is_the_difference_of_the_means_over_images_where_the_protocol_averages_so(
    tmp_path: Path,
) -> None:
    # From one image (ant) to five: the subjects with more images differ more.
    names = ("ant", "bee", "cat", "dog", "emu")
    spec = make_spec(protocol=ProtocolSpec(metrics=("dino", "clip_i", "clip_t"), averaging="images"))
    runs = [
        make_run(
            tmp_path / run,
            [
                image_row(name, 0, image, (0.5 + shift * count, 0.6, 0.3))
                for count, name in enumerate(names, start=1)
                for image in range(count)
            ],
            spec=spec,
            subjects=names,
        )
        for run, shift in (("one", 0.0), ("two", 0.02))
    ]
    first, second = (summarize([run]).rows[1].dino for run in runs)
    dino = next(row for row in run_differences(read_run_scores(runs)) if row.metric == "dino")
    assert first is not None
    assert second is not None
    assert dino.mean == pytest.approx(second.mean - first.mean, abs=1e-12)
    assert dino.mean == pytest.approx(0.02 * (1 + 4 + 9 + 16 + 25) / 15, abs=1e-12)  # unweighted: 0.06
    # The first run is the same everywhere: the difference varies as the second run's mean does.
    assert second.ci95 is not None
    assert dino.ci95 == pytest.approx([end - first.mean for end in second.ci95], abs=1e-12)
    assert (dino.p, dino.n, dino.above) == (2 / 2**5, 5, 5)


def test_a_subject_counts_by_the_images_of_both_runs(tmp_path: Path) -> None:
    """Images 1 and 3 in one run, 2 and 2 in the other: 3 and 5 of 8 in the difference."""
    spec = make_spec(protocol=ProtocolSpec(metrics=("dino",), averaging="images"))
    counts = {"one": {"ant": 1, "bee": 3}, "two": {"ant": 2, "bee": 2}}
    scores = {"one": {"ant": 0.5, "bee": 0.5}, "two": {"ant": 0.6, "bee": 0.9}}
    runs = [
        make_run(
            tmp_path / run,
            [
                image_row(name, 0, image, (scores[run][name], 0.5, 0.3))
                for name in ("ant", "bee")
                for image in range(counts[run][name])
            ],
            spec=spec,
        )
        for run in ("one", "two")
    ]
    (dino,) = run_differences(read_run_scores(runs))[:1]
    assert dino.mean == pytest.approx((3 * 0.1 + 5 * 0.4) / 8, abs=1e-12)


def test_a_subject_that_one_run_lacks_is_left_out(tmp_path: Path) -> None:
    rows = run_differences(_runs(tmp_path, {"a": 0.7, "b": 0.3}))
    assert {row.n for row in rows} == {2}


def test_one_run_has_no_differences(tmp_path: Path) -> None:
    assert run_differences(_runs(tmp_path, {"a": 0.7})[:1]) == []


def test_p_is_the_share_of_sign_patterns_with_a_mean_as_far_from_0(tmp_path: Path) -> None:
    differences = dict(zip("abcdef", (0.11, 0.02, -0.03, 0.07, -0.05, 0.13), strict=True))
    second = {name: 0.5 + difference for name, difference in differences.items()}
    dino = next(row for row in run_differences(_runs(tmp_path, second)) if row.metric == "dino")
    patterns = list(product((-1, 1), repeat=6))
    sums = [sum(s * d for s, d in zip(signs, differences.values(), strict=True)) for signs in patterns]
    as_far = sum(abs(found) >= sum(differences.values()) - 1e-12 for found in sums)
    assert dino.p == pytest.approx(as_far / 2**6)
    assert (dino.n, dino.above) == (6, 4)


def test_the_order_of_the_subjects_changes_nothing(tmp_path: Path) -> None:
    names = [f"s{number:02d}" for number in range(16)]  # more than the test enumerates
    values = {name: 0.5 + 0.01 * (number % 5 - 1.5) for number, name in enumerate(names)}
    found = []
    for place, order in (("forth", names), ("back", names[::-1])):
        runs = [
            make_run(
                tmp_path / place / run,
                [image_row(s, 0, 0, (scores[s], 0.5, 0.3)) for s in order],
                subjects=order,
            )
            for run, scores in (("one", dict.fromkeys(names, 0.5)), ("two", values))
        ]
        found.append(run_differences(read_run_scores(runs)))
    assert found[0] == found[1]
