"""Which images a signature covers, and what happens to runs whose signatures differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dreambench.analysis import read_run_scores, summarize
from dreambench.analysis.coverage import cells_of_signature
from dreambench.errors import DreambenchError
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from dreambench.spec.signature import cells_digest, parse_signature
from tests.analysis.material import image_row, make_run, make_spec, two_subjects, two_subjects_tables


def _whole(subjects: tuple[str, ...]) -> list[dict[str, Any]]:
    cells = [(s, p, i) for s in subjects for p in range(25) for i in range(4)]
    return [image_row(*cell, (0.5, 0.6, 0.3)) for cell in cells]


def _fields(tmp_path: Path, rows: list[dict[str, Any]], **changes: Any) -> dict[str, str]:
    spec = make_spec(**{"prompts": "all", "images_per_prompt": 4, **changes})
    return parse_signature(summarize([make_run(tmp_path / "run", rows, spec=spec)]).signature)


def test_the_whole_benchmark_names_no_cells(tmp_path: Path) -> None:
    fields = _fields(tmp_path, _whole(("ant", "bee")))
    assert "cells" not in fields
    assert fields["n"] == "200"


def test_thirty_named_subjects_are_the_whole_benchmark_too(tmp_path: Path) -> None:
    names = tuple(f"s{number}" for number in range(30))
    spec = make_spec(prompts="all", images_per_prompt=4, subjects=names)
    run = make_run(tmp_path / "run", _whole(names), spec=spec, subjects=names)
    assert parse_signature(summarize([run]).signature)["n"] == "3000"
    assert "cells" not in parse_signature(summarize([run]).signature)


def test_one_missing_image_names_the_cells(tmp_path: Path) -> None:
    rows = _whole(("ant", "bee"))
    rows[17] = image_row("ant", 4, 1, None)
    fields = _fields(tmp_path, rows)
    expected = {(s, p, i) for s in ("ant", "bee") for p in range(25) for i in range(4)} - {("ant", 4, 1)}
    assert fields["cells"] == cells_digest(expected)
    assert fields["n"] == "199"


@pytest.mark.parametrize("changes", [{"subjects": ("ant", "bee")}, {"images_per_prompt": 5}])
def test_a_part_of_the_benchmark_names_the_cells(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert "cells" in _fields(tmp_path, _whole(("ant", "bee")), **changes)


def test_fewer_prompts_name_the_cells(tmp_path: Path) -> None:
    rows = [row for row in _whole(("ant", "bee")) if row["prompt_index"] < 3]
    assert "cells" in _fields(tmp_path, rows, prompts="0-2")


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        (("64x64", "64x64"), "@64"),
        (("96x80", "96x80"), "@96x80"),
        (("64x64", "96x96"), "@mixed"),
        ((None, None), ""),
    ],
)
def test_the_size_of_the_scored_images_is_named_with_lpips(
    tmp_path: Path, sizes: tuple[str | None, ...], named: str
) -> None:
    rows = [image_row("ant", 0, i, (0.5, 0.6, 0.3), size=size) for i, size in enumerate(sizes)]
    rows.append(image_row("ant", 1, 0, None, size="7x7"))  # not scored
    lpips = _fields(tmp_path, rows)["lpips"]
    assert lpips.partition("@")[1] + lpips.partition("@")[2] == named


def test_no_scored_image_is_not_the_whole(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run", []).record
    assert cells_of_signature(set(), record) == cells_digest([])


@pytest.mark.parametrize("drawn", [1, 4])
def test_a_protocol_that_counts_one_image_of_each_prompt_has_the_whole_with_it(
    tmp_path: Path, drawn: int
) -> None:
    one = ProtocolSpec(metrics=("dino", "clip_i", "clip_t"), images=1)
    rows = [row for row in _whole(("ant", "bee")) if row["image_index"] == 0]
    spec = make_spec(prompts="all", images_per_prompt=drawn, protocol=one)
    (scored,) = read_run_scores([make_run(tmp_path / "run", rows, spec=spec)])
    fields = parse_signature(scored.signature)
    assert "cells" not in fields
    assert (fields["n"], scored.coverage.unscored) == ("50", 0)
    (fewer,) = read_run_scores([make_run(tmp_path / "fewer", rows[:-1], spec=spec)])
    assert "cells" in parse_signature(fewer.signature)
    assert fewer.coverage.unscored == 1


def _two_runs(tmp_path: Path) -> list[Any]:
    other = ProtocolSpec(metrics=("dino", "clip_i", "clip_t", "div"), clip=ClipSpec(model="ViT-L-14"))
    ours = make_run(tmp_path / "ours", two_subjects())
    return [ours, make_run(tmp_path / "theirs", two_subjects(), spec=make_spec(protocol=other))]


def test_other_signatures_are_refused_and_the_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(DreambenchError) as refusal:
        summarize(_two_runs(tmp_path))
    assert "clip: ViT-B-32/openai, not ViT-L-14/openai (ours against theirs)" in str(refusal.value)
    assert "--force" in str(refusal.value)
    assert "dino" not in str(refusal.value)


def test_forced_runs_are_marked_as_incomparable(tmp_path: Path) -> None:
    summary = summarize(_two_runs(tmp_path), force=True)
    assert summary.incomparable == ("clip: ViT-B-32/openai, not ViT-L-14/openai (ours against theirs)",)
    assert [row.method for row in summary.rows] == ["real", "ours", "theirs"]


def test_runs_of_different_images_are_compared_on_those_that_all_have(tmp_path: Path) -> None:
    whole = [*two_subjects()[:-1], image_row("bee", 1, 1, (0.9, 0.8, 0.35))]
    tables = two_subjects_tables()
    runs = [
        make_run(tmp_path / "a", whole, tables=tables),
        make_run(tmp_path / "b", two_subjects(), tables=tables),
    ]
    summary = summarize(runs)
    assert [row.n_images for row in summary.rows[1:]] == [7, 7]
    assert summary.rows[1].dino == summary.rows[2].dino  # the image that b lacks would raise a's
    assert "n:7" in summary.signature
    assert runs[0].notices == ["a: 7 of its 8 images are compared: those that all runs have"]
    assert runs[1].notices == []


def test_runs_that_share_no_image_are_refused(tmp_path: Path) -> None:
    rows = two_subjects()
    runs = [
        make_run(tmp_path / name, [row for row in rows if row["subject"] == subject], subjects=[subject])
        for name, subject in (("a", "ant"), ("b", "bee"))
    ]
    with pytest.raises(DreambenchError, match="cells: "):
        summarize(runs)


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / folder, two_subjects(), name="same") for folder in ("a", "b")]
    assert [run.label for run in read_run_scores(runs)] == ["same (a)", "same (b)"]
    again = make_run(tmp_path / "other" / "a", two_subjects(), name="same")
    assert len({run.label for run in read_run_scores([*runs, again])}) == 3


def test_a_run_given_twice_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects())
    with pytest.raises(DreambenchError, match="given twice"):
        summarize([run, run])


def test_default_names_lose_their_hash_where_the_rest_tells_the_runs_apart(tmp_path: Path) -> None:
    def named(*endings: str, kind: str = "mini-dreambooth") -> list[str]:
        specs = [make_spec(method={"name": "test-method", "steps": i}) for i in range(1, len(endings) + 1)]
        names = [f"{kind}-{spec.images_key[:8]}{ending}" for spec, ending in zip(specs, endings, strict=True)]
        top = tmp_path / "".join(endings)
        runs = [
            make_run(top / name, two_subjects(), spec=spec) for spec, name in zip(specs, names, strict=True)
        ]
        return [run.label for run in read_run_scores(runs)]

    assert named("-step20", "-step40") == ["mini-dreambooth-step20", "mini-dreambooth-step40"]
    one, other = named("", "")  # two seeds, whose names differ in the hash alone
    assert one != other
    (alone,) = named("-step80")
    assert len(alone) == len("mini-dreambooth-12345678-step80")
