"""Several protocols at once: one folder, one pass, each one's scores in JSON, in frames and on the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

import dreambench
from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.paths import data_folder
from dreambench.runs.asked import asked_spec
from dreambench.runs.several_protocols import refuse_unknown_inputs

SHAPES = "mini,kosmos-g@mini,uno@mini,peft-image-gen@mini"
ASKED = ["--subjects", "dog,vase", "--prompts", "0,1", "--images-per-prompt", "2", "--metrics", "dino,clip_i"]


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two subjects as images, scored by four protocols."""
    top = tmp_path_factory.mktemp("several")
    for subject in ("dog", "vase"):
        (top / "images" / subject).mkdir(parents=True)
        photos = sorted((data_folder() / "mini" / "photos" / subject).glob("*.png"))
        for photo, name in zip(photos, ("00-0", "00-1", "01-0", "01-1"), strict=False):
            shutil.copy(photo, top / "images" / subject / f"{name}.png")
    out = ["--out", str(top / "scores"), "--json"]
    asked = ["score", "--preset", "mini", "--images", str(top / "images"), "--protocol", SHAPES, *ASKED, *out]
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 0
    return top / "scores"


def test_json_has_each_protocol_beside_the_first_ones_fields(scored: Path, capsys):
    with pytest.raises(SystemExit):
        main(["report", str(scored), "--json"])
    summary = json.loads(capsys.readouterr().out)
    assert list(summary["protocols"]) == SHAPES.split(",")
    first = summary["protocols"]["mini"]
    assert first["rows"] == summary["rows"]
    assert first["signature"] == summary["signature"]
    assert [p["n_images"] for p in summary["protocols"].values()] == [8, 8, 4, 8]
    assert len({p["signature"] for p in summary["protocols"].values()}) == 4
    kosmos = summary["protocols"]["kosmos-g@mini"]
    assert "pairs:listed@" in kosmos["signature"]
    assert "preset:mini" in kosmos["signature"]
    page = (scored / "report" / "index.html").read_text()
    assert "Under each protocol" in page
    assert "microsoft/unilm" in page
    assert "kosmos-g@mini" in (scored / "report" / "table.md").read_text()


def test_frames_of_each_protocol_agree_with_a_scoring_by_it_alone(scored: Path, tmp_path: Path):
    together = dreambench.load(scored).protocols
    alone = dreambench.score(
        scored.parent / "images", "uno@mini", preset="mini", subjects=["dog", "vase"], prompts="0,1",
        images_per_prompt=2, metrics=["dino", "clip_i"], out=tmp_path / "alone",
    )  # fmt: skip
    pd.testing.assert_frame_equal(together["uno@mini"].images, alone.images)
    assert together["uno@mini"].signature == alone.signature


def test_runs_of_different_images_are_compared_under_each_protocol(scored: Path, tmp_path: Path, capsys):
    shutil.copytree(scored.parent / "images", tmp_path / "images")
    (tmp_path / "images" / "dog" / "01-0.png").unlink()
    out = ["--out", str(tmp_path / "fewer")]
    words = ["score", "--preset", "mini", "--images", str(tmp_path / "images"), "--protocol", SHAPES]
    with pytest.raises(SystemExit):
        main([*words, *ASKED, *out])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["report", str(scored), str(tmp_path / "fewer"), "--out", str(tmp_path / "report"), "--json"])
    summary = json.loads(capsys.readouterr().out)
    rows = {name: part["rows"] for name, part in summary["protocols"].items()}
    assert {name: [row["n_images"] for row in found[1:]] for name, found in rows.items()} == {
        "mini": [7, 7],
        "kosmos-g@mini": [7, 7],
        "uno@mini": [3, 3],
        "peft-image-gen@mini": [7, 7],
    }
    assert all(found[1]["dino"] == found[2]["dino"] for found in rows.values())


def test_report_shows_the_scores_by_one_of_them(scored: Path, tmp_path: Path, capsys):
    out = ["--out", str(tmp_path), "--json"]
    with pytest.raises(SystemExit):
        main(["report", str(scored), "--protocol", "uno@mini", *out])
    summary = json.loads(capsys.readouterr().out)
    assert summary["n_images"] == 4
    assert "protocols" not in summary


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["report", "RUN", "--protocol", "mini,imagenhub@mini"], "was not scored by imagenhub@mini"),
        (["score", "--images", "IMAGES", "--protocol", "mini,mini"], "--protocol names mini twice"),
        (["plan", "--protocol", "mini,uno@mini"], "this command takes one protocol"),
    ],
)
def test_what_cannot_be_is_one_clear_line(scored: Path, capsys, words: list[str], message: str):
    places = {"RUN": str(scored), "IMAGES": str(scored.parent / "images")}
    with pytest.raises(SystemExit) as ended:
        main([places.get(word, word) for word in words])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_run_that_sees_every_photo_cannot_leave_them_out():
    asked = {"protocol": "peft-image-gen@mini"}
    with pytest.raises(DreambenchError, match="training_photos=N"):
        refuse_unknown_inputs(asked_spec("mini", **asked), {})
    refuse_unknown_inputs(asked_spec("mini", overrides=["training_photos=3"], **asked), {})
