"""Scores per image from runs and files."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from dreambench.errors import DreambenchError
from dreambench.human.score_files import read_image_scores
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from tests.analysis.material import make_run, make_spec, two_subjects

FILE = "images/ant/00-0.png"


def test_the_same_file_name_in_two_runs_is_told_apart(tmp_path: Path) -> None:
    make_run(tmp_path / "a", two_subjects())
    other = [{**row, "dino": row["dino"] / 2} for row in two_subjects()]
    make_run(tmp_path / "b", other, name="named")
    scores = read_image_scores([tmp_path / "a", tmp_path / "b" / "scores" / "images.parquet"])
    assert scores.metrics == ("dino", "clip_i", "clip_t")
    for method, dino in (("a", 0.1), ("named", 0.05), ("b", 0.05)):  # by its name, or by its folder's
        found = scores.find(method, FILE)
        assert found is not None
        assert found["dino"] == pytest.approx(dino)
    assert scores.find("c", FILE) is None
    assert scores.find("a", "images/ant/99-0.png") is None


def test_csv_files_with_and_without_methods(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("file,dino,clip_i\nx/1.png,0.5,\n./x/2.png,0.25,0.75\n")
    scores = read_image_scores([path])
    assert scores.metrics == ("dino", "clip_i")
    gap = scores.find("any", "x/1.png")
    assert gap is not None
    assert math.isnan(gap["clip_i"])
    assert scores.find("any", "x/2.png") == {"dino": 0.25, "clip_i": 0.75}
    path.write_text("method,file,dino\nA,1.png,0.5\nB,1.png,0.25\n")
    scores = read_image_scores([path])
    assert scores.find("B", "1.png") == {"dino": 0.25}
    assert scores.find("C", "1.png") is None


def test_only_metrics_that_every_table_has(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,dino,clip_i\na.png,0.5,0.5\n")
    pd.DataFrame({"file": ["b.png"], "dino": [0.5], "clip_i": [math.nan]}).to_parquet(tmp_path / "b.parquet")
    assert read_image_scores([tmp_path / "a.csv", tmp_path / "b.parquet"]).metrics == ("dino",)


BAD = {
    "text": ("file,dino\n1.png,high\n", "row 2, column dino: 'high'"),
    "infinity": ("file,dino\n1.png,1\n2.png,inf\n", "row 3, column dino: 'inf'"),
    "a line cut off": ("file,dino,clip_i\n1.png,0.5,0.6\n\n2.png,0.\n", "row 3: 2 columns, not 3"),
    "an index without a name": ("file,dino\n0,1.png,0.5\n", "row 2: 3 columns, not 2"),
    "a column twice": ("file,dino, dino\n1.png,0.5,0.6\n", "row 1: the column 'dino' appears twice"),
    "no file": ("image,dino\n1.png,0.5\n", "row 1: no column file"),
    "no metric": ("file,lpips\n1.png,0.5\n", "row 1: none of the columns dino, clip_i, clip_t"),
    "no score": ("file,dino\n1.png,\n", "no metric has a score"),
    "twice": ("file,dino\n1.png,0.5\n./1.png,0.6\n", r"row 3: \./1\.png already has scores"),
    "empty": ("", "cannot be read as a table"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_bad_files_are_one_line(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(content)
    with pytest.raises(DreambenchError, match=reason) as caught:
        read_image_scores([path])
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", [True, pd.Timestamp("2024-01-31"), pd.Timedelta(1, "s")], ids=str)
@pytest.mark.parametrize("gap", [True, False])
def test_what_pandas_would_count_is_not_a_score(tmp_path: Path, value: object, gap: bool) -> None:
    path = tmp_path / "scores.parquet"
    pd.DataFrame({"file": ["1.png", "2.png"], "dino": [value, None if gap else value]}).to_parquet(path)
    with pytest.raises(DreambenchError, match=r"scores\.parquet, column dino: .* values are not scores"):
        read_image_scores([path])


def test_what_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match="does not exist"):
        read_image_scores([tmp_path / "nowhere.csv"])
    with pytest.raises(DreambenchError, match="contains no run"):
        read_image_scores([tmp_path])
    (tmp_path / "x.parquet").write_bytes(b"junk")
    with pytest.raises(DreambenchError, match="cannot be read as a table"):
        read_image_scores([tmp_path / "x.parquet"])


def test_a_run_given_twice_or_by_another_protocol_is_refused(tmp_path: Path) -> None:
    make_run(tmp_path / "a", two_subjects())
    make_run(
        tmp_path / "b", two_subjects(), spec=make_spec(protocol=ProtocolSpec(clip=ClipSpec(model="ViT-L-14")))
    )
    with pytest.raises(DreambenchError, match="already has scores"):
        read_image_scores([tmp_path / "a", tmp_path / "a"])
    with pytest.raises(DreambenchError, match=r"signatures of .* differ: clip: "):
        read_image_scores([tmp_path / "a", tmp_path / "b"])


def test_runs_that_scored_other_images_still_compare(tmp_path: Path) -> None:
    make_run(tmp_path / "a", two_subjects())
    make_run(tmp_path / "b", two_subjects()[:3])
    assert read_image_scores([tmp_path / "a", tmp_path / "b"]).metrics == ("dino", "clip_i", "clip_t")
