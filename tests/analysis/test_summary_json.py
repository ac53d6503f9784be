"""The shape of `report --json`, field by field, and the paper's numbers in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dreambench.analysis import summarize
from dreambench.literature.published import (
    differences_from_paper,
    of_the_papers_subjects,
    paper_values,
    published,
)
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.run_spec import BaseSpec, DataSpec
from tests.analysis.material import (
    OFFICIAL,
    make_run,
    make_spec,
    make_whole_run,
    two_subjects,
    two_subjects_tables,
)

SD = "stable-diffusion-v1-5/stable-diffusion-v1-5"


def _json(*runs: Any, force: bool = False) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    loaded: dict[str, Any] = json.loads(summarize(runs, force).model_dump_json(), parse_constant=refuse)
    return loaded


def test_every_field_of_one_run(tmp_path: Path) -> None:
    data = _json(make_run(tmp_path / "run", two_subjects(), tables=two_subjects_tables()))
    assert list(data) == ["signature", "name", "n_images", "unscored", "rows", "subjects"]
    assert isinstance(data["signature"], str)
    assert (data["name"], data["n_images"], data["unscored"]) == ("run", 7, 1)
    assert [row["method"] for row in data["rows"]] == ["real", "run"]
    for row in data["rows"]:
        assert list(row) == ["method", "n_images", "dino", "clip_i", "clip_t", "div", "pres"]
    assert data["rows"][1]["dino"] == {
        "mean": pytest.approx(0.475),
        "ci95": None,
        "paper": None,
    }
    assert data["rows"][1]["pres"] is None
    assert [data["rows"][0][m] for m in ("clip_t", "div", "pres")] == [None, None, None]
    assert data["subjects"] == {
        "ant": pytest.approx({"dino": 0.25, "clip_i": 0.35, "clip_t": 0.125, "div": 0.3}),
        "bee": pytest.approx({"dino": 0.7, "clip_i": 0.8, "clip_t": 0.35, "div": 0.6}),
    }


def test_no_nan_where_nothing_was_scored(tmp_path: Path) -> None:
    data = _json(make_run(tmp_path / "run", []))
    assert data["rows"][1] == {"method": "run", "n_images": 0} | dict.fromkeys(
        ("dino", "clip_i", "clip_t", "div", "pres")
    )
    assert data["subjects"]["ant"] == dict.fromkeys(("dino", "clip_i", "clip_t", "div"))


def test_several_runs_add_runs_and_keep_the_rest(tmp_path: Path) -> None:
    better = [{**row, "dino": row["dino"] + 0.1} for row in two_subjects()]
    data = _json(
        make_run(tmp_path / "a", two_subjects(), tables=two_subjects_tables()),
        make_run(tmp_path / "b", better, tables=two_subjects_tables()),
    )
    assert [row["method"] for row in data["rows"]] == ["real", "a", "b"]
    assert (data["name"], data["n_images"]) == ("a, b", 7)
    assert data["subjects"] == data["runs"]["a"]["subjects"]
    assert list(data["runs"]) == ["a", "b"]
    assert list(data["runs"]["b"]) == ["signature", "n_images", "unscored", "subjects"]
    assert data["runs"]["b"]["subjects"]["ant"]["dino"] == pytest.approx(0.35)
    assert data["rows"][2]["dino"]["mean"] == pytest.approx(0.575)
    assert "incomparable" not in data


@pytest.mark.parametrize(
    ("method", "base", "expected"),
    [
        ("dreambooth", SD, {"dino": 0.668, "clip_i": 0.803, "clip_t": 0.305}),
        ("dreambooth", "CompVis/stable-diffusion-v1-4", {"dino": 0.668, "clip_i": 0.803, "clip_t": 0.305}),
        ("textual-inversion", SD, {"dino": 0.569, "clip_i": 0.780, "clip_t": 0.255}),
        ("dreambooth", "stabilityai/stable-diffusion-xl-base-1.0", {}),
        ("dreambooth", "some/base", {}),
        ("lora", SD, {}),
    ],
)
def test_paper_row_of_a_run(method: str, base: str, expected: dict[str, float]) -> None:
    assert paper_values("run", method, base) == expected


def test_images_made_elsewhere_have_no_paper_row() -> None:
    assert paper_values("score", "dreambooth", SD) == {}


def test_paper_numbers_in_rows(tmp_path: Path) -> None:
    run = make_whole_run(tmp_path / "run")
    # The log is read back by name, so the method in it must exist here; its name is set afterwards.
    whole = {"prompts": "all", "images_per_prompt": 4}
    spec = make_spec(method=MethodOptions(name="dreambooth"), base=BaseSpec(model=SD), **whole)
    run.record = run.record.model_copy(update={"spec": spec})
    real, ours = _json(run)["rows"]
    assert (real["dino"]["paper"], real["clip_i"]["paper"]) == (0.774, 0.885)
    assert [ours[m]["paper"] for m in ("dino", "clip_i", "clip_t")] == [0.668, 0.803, 0.305]


@pytest.mark.parametrize("changes", [{"preset": "mini"}, {"data": DataSpec(label="pets@0123456")}])
def test_the_miniature_and_other_photos_have_no_paper_numbers(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    run = make_run(tmp_path / "run", two_subjects(), tables=two_subjects_tables())
    spec = make_spec(method=MethodOptions(name="dreambooth"), base=BaseSpec(model=SD), **changes)
    run.record = run.record.model_copy(update={"spec": spec})
    for row in _json(run)["rows"]:
        assert all(row[m] is None or row[m]["paper"] is None for m in ("dino", "clip_i", "clip_t"))


def test_published_tables_are_the_papers() -> None:
    tables = published()
    assert [table.number for table in tables.tables] == [1, 2, 3, 4, 5, 6]
    assert tables.table(3).row("without").values == {
        "pres": 0.664, "div": 0.371, "dino": 0.712, "clip_i": 0.828, "clip_t": 0.306,
    }  # fmt: skip
    assert tables.table(4).row("none").values == {"dino": 0.303, "clip_i": 0.607}
    assert list(tables.table(5).row("backpack").values.values()) == [0.494, 0.515, 0.596, 0.604, 0.597]
    assert sum(tables.table(2).row("subject-fidelity").values.values()) == pytest.approx(1)
    assert tables.agreement["dino"].p == 9.44e-30
    assert tables.data == OFFICIAL


def test_table_six_is_flagged_and_repeats_a_row_of_table_five() -> None:
    six = published().table(6)
    assert six.caution
    assert six.row("backpack").values == published().table(5).row("dog").values
    assert [table.number for table in published().tables if table.caution] == [6]


PAPERS = (
    f"dreambench:0.1|data:{OFFICIAL}|clip:ViT-B-32/openai|dino:vit_small_patch16_224.dino|tf:r256c224"
    "|pairs:all|clip-t:no-identifier|lpips:alex|n:3000"
)


def test_scores_by_the_papers_protocol_compare() -> None:
    assert differences_from_paper(PAPERS) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "named"),
    [
        ("@4f887af", "@0000000", "data"),
        ("ViT-B-32/openai", "ViT-L-14/openai", "clip"),
        ("vit_small_patch16_224.dino", "vit_small_patch8_224.dino", "dino"),
        ("r256c224", "r224c224", "tf"),
        ("no-identifier", "identifier", "clip-t"),
        ("alex", "vgg", "lpips"),
        ("|n:", "|cells:0123abcd|n:", "images"),
        ("|n:", "|scale:clip_t*2.5|n:", "scale"),
        ("|n:", "|average:images|n:", "average"),
        ("|n:", "|clipped:clip_t|n:", "clipped"),
        ("|n:", "|preset:mini|n:", "preset"),
    ],
)
def test_other_scores_do_not_and_the_field_is_named(ours: str, theirs: str, named: str) -> None:
    (why,) = differences_from_paper(PAPERS.replace(ours, theirs))
    assert why.startswith(f"{named}: ")


def test_a_part_of_the_papers_subjects_is_of_its_subjects() -> None:
    part = PAPERS.replace("|n:", "|cells:0123abcd|n:")
    assert of_the_papers_subjects(part)
    assert differences_from_paper(part, whole=False) == []
    assert not of_the_papers_subjects("dreambench:0.1|preset:mini|n:3000")


def test_neither_room_imports_torch(tmp_path: Path) -> None:
    make_run(tmp_path / "run", two_subjects(), pictures=True, tables=two_subjects_tables())
    code = (
        "import sys; from pathlib import Path\n"
        "import tests.analysis.material\n"
        "from dreambench.report import terminal_table, write_report\n"
        "from dreambench.analysis import summarize\n"
        "from dreambench.store import open_run\n"
        "run = open_run(Path(sys.argv[1]))\n"
        "write_report([run], run.report_folder, quiet=True); terminal_table(summarize([run]))\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        cwd=tests.parent,
        env={"PYTHONPATH": str(tests.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
