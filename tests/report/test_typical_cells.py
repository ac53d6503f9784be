"""Which image of each subject stands for it where runs are compared: the median of all runs' means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dreambench.analysis import RunScores, read_run_scores
from dreambench.report.comparison import row_of, typical_cells
from tests.analysis.material import image_row, make_run

Dino = Mapping[tuple[int, int], float]
CELLS = ((0, 0), (0, 1), (1, 0), (1, 1))


def runs_of(path: Path, *runs: Mapping[str, Dino]) -> list[RunScores]:
    """Return runs by the DINO of each subject's cells (prompt, image)."""
    folders = []
    for number, subjects in enumerate(runs):
        rows = [
            image_row(name, *cell, (score, 0.5, 0.3))
            for name, own in subjects.items()
            for cell, score in own.items()
        ]
        folders.append(make_run(path / f"run-{number}", rows, subjects=subjects))
    return read_run_scores(folders)


def test_it_is_the_lower_median_of_the_means_over_the_runs(tmp_path: Path) -> None:
    first = {"ant": dict(zip(CELLS, (0.8, 0.1, 0.5, 0.6), strict=True))}
    second = {"ant": dict(zip(CELLS, (0.1, 0.3, 0.5, 0.6), strict=True))}
    # The means are 0.45, 0.2, 0.5 and 0.6, the larger ones 0.8, 0.3, 0.5 and 0.6.
    scored = runs_of(tmp_path, first, second)
    assert typical_cells(scored) == [("ant", 0, 0)]
    assert typical_cells(scored[:1]) == [("ant", 1, 0)]
    assert typical_cells(scored[1:]) == [("ant", 0, 1)]
    assert [row_of(run, typical_cells(scored)[0]).dino for run in scored] == [0.8, 0.1]  # type: ignore[union-attr]


def test_only_cells_that_all_runs_have_count(tmp_path: Path) -> None:
    first = {"ant": {(0, 0): 0.1, (0, 1): 0.2, (1, 0): 0.3}, "bee": {(0, 0): 0.5}}
    second = {"ant": {(0, 0): 0.1, (1, 0): 0.3, (1, 1): 0.9}, "cow": {(0, 0): 0.5}}
    assert typical_cells(runs_of(tmp_path, first, second)) == [("ant", 0, 0)]


def test_of_more_subjects_than_rows_every_second_or_third_is_shown(tmp_path: Path) -> None:
    subjects = {f"s{number}": {(0, 0): 0.5} for number in range(7)}
    scored = runs_of(tmp_path, subjects)
    found = {rows: [cell.subject for cell in typical_cells(scored, rows)] for rows in (7, 6, 3, 1)}
    assert found == {7: list(subjects), 6: ["s0", "s2", "s4", "s6"], 3: ["s0", "s3", "s6"], 1: ["s0"]}
