"""The main table: which values are the best, what is a rule, and which subject has which score."""

from __future__ import annotations

from typing import Any

from dreambench.analysis.summary import Row, Score, SubjectScores, Summary
from dreambench.report.main_table import latex_table, main_table, terminal_table
from dreambench.report.table import WholeTable

OF_PARTS = "dreambench:0.1|n:4"


def summary(*methods: dict[str, float], **others: Any) -> Summary:
    real = Row(method="real", n_images=9, dino=Score(mean=0.9, paper=0.774), dreamsim=Score(mean=0.1))
    rows = [
        Row(method=f"m{n}", n_images=4, **{name: Score(mean=mean) for name, mean in own.items()})
        for n, own in enumerate(methods)
    ]
    fields: dict[str, Any] = {"subjects": {}, **others}
    return Summary(signature=OF_PARTS, name="x", n_images=4, unscored=0, rows=(real, *rows), **fields)


def bold(found: Summary) -> list[list[str]]:
    return [[c.text for c in row.cells if c.style == "bold"] for row in main_table(found).rows]


def test_the_best_of_the_runs_is_bold_by_each_metrics_own_direction() -> None:
    found = summary(
        {"dino": 0.61, "dreamsim": 0.3}, {"dino": 0.62, "dreamsim": 0.5}, {"dino": 0.6199, "dreamsim": 0.31}
    )
    assert bold(found) == [[], ["0.300"], ["0.620"], ["0.620"]]  # the photos' row is a bound, not a run
    text = latex_table(found)
    assert text.count(r"\textbf{") == 3
    assert r"m0 & 0.610 & \textbf{0.300} & 4" in text
    assert r"m1 & \textbf{0.620} & 0.500 & 4" in text


def test_a_bound_that_equals_the_best_is_not_bold_and_one_run_has_no_best() -> None:
    assert bold(summary({"dino": 0.9}, {"dino": 0.5})) == [[], ["0.900"], []]
    assert bold(summary({"dino": 0.9})) == [[], []]
    assert bold(summary({"dino": 0.9}, {"clip_t": 0.3})) == [[], [], []]


def test_the_papers_number_and_what_is_more_than_it_stand_beside_ours() -> None:
    (real, *_) = main_table(summary({"dino": 0.5}, {"dino": 0.4})).rows
    assert real.cells[1].remark == "paper 0.774, +0.126"


def test_a_rule_separates_the_photos_from_the_runs_and_numbers_are_on_the_right() -> None:
    found = main_table(summary({"dino": 0.5}, {"dino": 0.4}))
    assert [len(rows) for rows in found.groups] == [1, 2]
    assert latex_table(summary({"dino": 0.5}, {"dino": 0.4})).count(r"\midrule") == 2


def test_the_terminals_table_of_subjects_has_every_metric_in_its_column() -> None:
    own = {"ant": {"dino": 0.25, "clip_t": 0.3}, "bee": {"dino": 0.75, "clip_t": 0.2}}
    subjects = {name: SubjectScores.of(scores) for name, scores in own.items()}
    parts = terminal_table(summary({"dino": 0.5, "clip_t": 0.25}, subjects=subjects)).renderables
    first = next(part for part in parts if isinstance(part, WholeTable)).drawn
    columns = {str(column.header): [str(cell) for cell in column.cells] for column in first.columns}
    assert columns["Subject"] == ["ant", "bee"]
    assert [cells for head, cells in columns.items() if head.startswith("DINO")] == [["0.250", "0.750"]]
    assert [cells for head, cells in columns.items() if head.startswith("CLIP-T")] == [["0.300", "0.200"]]
