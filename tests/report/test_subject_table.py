"""The table of subjects: whose score stands beside which bound, and where both are on the line."""

from __future__ import annotations

from pathlib import Path

from dreambench.analysis.run_scores import read_run_scores
from dreambench.report.subject_grids import SubjectGrid
from dreambench.report.subject_table import SubjectTable, _percent, subject_table
from dreambench.spec.protocol_spec import ProtocolSpec
from tests.analysis.material import image_row, make_run, make_spec

GRIDS = [SubjectGrid(name, f"subject-{n}", "dog", "live", (), ()) for n, name in enumerate(("ant", "bee"))]


def table_of(path: Path, scale: float = 1.0) -> SubjectTable:
    """One run of two subjects: ant scores 0.25 and is bounded by 0.8, bee is above its bound, and below 0."""
    scores = {"ant": (0.25, 0.5, 0.3), "bee": (0.75, -0.125, 0.25)}
    rows = [image_row(name, 0, 0, tuple(scale * score for score in own)) for name, own in scores.items()]
    rows.append(image_row("bee", 0, 1, None))
    bounds = {"ant": (0.8, 0.9), "bee": (0.5, 0.6)}
    photos = [
        {
            "subject": name,
            "photo_a": "0.png",
            "photo_b": "1.png",
            "dino": scale * dino,
            "clip_i": scale * clip,
        }
        for name, (dino, clip) in bounds.items()
    ]
    by = {} if scale == 1 else dict.fromkeys(("dino", "clip_i", "clip_t"), scale)
    spec = make_spec(
        prompts="0",
        protocol=ProtocolSpec(metrics=("dino", "clip_i", "clip_t"), scale=by),
        images_per_prompt=2,
    )
    run = make_run(path / "run", rows, spec=spec, tables={"photos": photos})
    return subject_table(read_run_scores([run]), GRIDS)


def test_each_subjects_scores_stand_beside_its_own_bounds(tmp_path: Path) -> None:
    found = table_of(tmp_path)
    assert found.metrics == ("dino", "clip_i", "clip_t")
    ant, bee = found.rows
    assert ant.scores == (("0.250", "0.800"), ("0.500", "0.900"), ("0.300", ""))
    assert bee.scores == (("0.750", "0.500"), ("\N{MINUS SIGN}0.125", "0.600"), ("0.250", ""))
    assert (ant.name, ant.anchor, ant.ours, ant.bound) == ("ant", "subject-0", 25, 80)
    assert (bee.name, bee.anchor, bee.ours, bee.bound) == ("bee", "subject-1", 75, 50)
    assert (ant.images, bee.images) == ("1 of 2", "1 of 2")


def test_the_line_is_from_0_to_1_whatever_the_protocols_scale(tmp_path: Path) -> None:
    ant, bee = table_of(tmp_path, 100).rows
    assert ant.scores[0] == ("25.000", "80.000")
    assert [(row.ours, row.bound) for row in (ant, bee)] == [(25, 80), (75, 50)]


def test_what_is_beyond_the_lines_ends_is_at_its_end_and_a_missing_score_is_not_on_it() -> None:
    assert [_percent(value) for value in (-0.1, 0.0, 0.123456, 1.2, float("nan"))] == [0, 0, 12.35, 100, None]
