"""The cells of two runs: each run's own images, and the prompt without the identifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.analysis import RunScores, read_run_scores
from dreambench.dataset import official_prompts
from dreambench.errors import DreambenchError
from dreambench.spec.run_spec import DataSpec
from dreambench.study.candidates import common_cells
from tests.analysis.material import image_row, make_run, make_spec

SCORES = (0.5, 0.5, 0.3)


def run_of(path: Path, cells: list[tuple[str, int, int]], label: str = "x@1") -> RunScores:
    rows = [image_row(*cell, SCORES) for cell in cells]
    rows.append(image_row("ant", 9, 0, None))  # requested, and not there
    spec = make_spec(data=DataSpec(label=label))
    return read_run_scores([make_run(path, rows, spec=spec)])[0]


def test_a_cell_has_the_images_of_each_run_and_only_common_ones_count(tmp_path: Path) -> None:
    first = run_of(tmp_path / "a", [("ant", 1, 0), ("ant", 1, 2), ("bee", 3, 0), ("ant", 0, 0)])
    second = run_of(tmp_path / "b", [("bee", 3, 1), ("ant", 1, 3), ("ant", 2, 0)])
    ant, bee = common_cells(first, second)
    assert (ant.subject, ant.class_noun, ant.prompt_index) == ("ant", "dog", 1)
    assert ant.files_a == ("images/ant/01-0.png", "images/ant/01-2.png")
    assert ant.files_b == ("images/ant/01-3.png",)
    assert (bee.files_a, bee.files_b) == (("images/bee/03-0.png",), ("images/bee/03-1.png",))
    assert ant.text == official_prompts("live")[1].text("dog")
    assert bee.text == official_prompts("live")[3].text("dog")
    assert [cell.files_a for cell in common_cells(second, first)] == [ant.files_b, bee.files_b]


def test_runs_of_other_photos_or_without_images_are_refused(tmp_path: Path) -> None:
    first = run_of(tmp_path / "a", [("ant", 1, 0)])
    with pytest.raises(DreambenchError, match=r"uses the dataset x@1, .* uses y@1"):
        common_cells(first, run_of(tmp_path / "b", [("ant", 1, 0)], "y@1"))
    with pytest.raises(DreambenchError, match="has no image in its score table"):
        common_cells(first, run_of(tmp_path / "c", []))
