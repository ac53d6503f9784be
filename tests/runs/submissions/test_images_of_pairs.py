"""Images that show two subjects: every source of them, what is refused, and what tables say of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

import dreambench
from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.paths import data_folder
from dreambench.runs.submissions.layouts import read_layout
from tests.dataset.test_subject_pairs import CAT, TEAPOT, pair
from tests.runs.submissions.submitted_images import one_line

PHOTOS = data_folder() / "mini" / "photos"
PAIRS = {"cat+dog": 10, "cat2+cat": 13}  # by their place in UNO's list
COLUMNS = ["subject", "prompt_index", "prompt", "dino", "clip_i", "clip_t"]
ASKED = {"preset": "mini", "protocol": "uno-multi@mini", "subjects": list(PAIRS), "prompts": "0,10"}


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos side by side for two prompts of two pairs, called as UNO's script calls them."""
    folder = tmp_path_factory.mktemp("pairs") / "flat"
    folder.mkdir()
    for name, place in PAIRS.items():
        for prompt in (0, 10):
            image = Image.new("RGB", (128, 64))
            for side, subject in enumerate(name.split("+")):
                image.paste(Image.open(PHOTOS / subject / f"0{prompt // 10}.png"), (64 * side, 0))
            image.save(folder / f"{25 * place + prompt}_0.png")
    return folder


@pytest.fixture(scope="module")
def scored(flat: Path) -> dreambench.Scores:
    return dreambench.score(flat, **ASKED, out=flat.parent / "scores")


def test_every_source_gives_the_same_scores(flat: Path, scored: dreambench.Scores, tmp_path: Path) -> None:
    files = {(n, p): flat / f"{25 * place + p}_0.png" for n, place in PAIRS.items() for p in (0, 10)}
    for (name, prompt), file in files.items():
        (tmp_path / "own" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / "own" / name / f"{prompt}-0.png")
    rows = [{"file": f.name, "subject": name.split("+"), "prompt_index": p} for (name, p), f in files.items()]
    (flat / "list.json").write_text(json.dumps(rows))
    frame = pd.DataFrame([{**row, "subject": "+".join(row["subject"])} for row in rows])
    frame["file"] = [str(flat / name) for name in frame["file"]]
    texts = {0: "a cat and a {} in the jungle", 10: "a cat wearing a red hat, next to it is a {}"}
    nouns = {"cat+dog": "dog", "cat2+cat": "cat"}
    nested = {
        tuple(name.split("+")): {t.format(nouns[name]): [files[name, p]] for p, t in texts.items()}
        for name in PAIRS
    }
    expected = scored.images[COLUMNS]
    assert expected[["dino", "clip_i", "clip_t"]].notna().all(axis=None)
    for number, source in enumerate((tmp_path / "own", flat / "list.json", frame, nested)):
        found = dreambench.score(source, **ASKED, out=tmp_path / str(number))
        pd.testing.assert_frame_equal(found.images[COLUMNS], expected)
        assert found.signature == scored.signature


def test_the_tables_are_of_pairs(scored: dreambench.Scores) -> None:
    assert "|subjects:pairs@72e3f893|images:1|" in scored.signature
    assert list(scored.subjects.index) == list(PAIRS)
    assert scored.summary.rows[0].computed == {}  # no photo shows two subjects: there is no bound
    with pytest.raises(SystemExit) as ended:
        main(["report", str(scored.run.path)])
    assert ended.value.code == 0
    table, page = ((scored.run.report_folder / name).read_text() for name in ("table.md", "index.html"))
    assert "Mean over pairs of subjects" in table
    assert "Real images" not in table
    assert "2 pairs · 4 scored images" in page
    assert "bound" not in page.partition('id="subjects"')[2].partition('id="differences"')[0]


def test_a_missing_image_is_counted(flat: Path, tmp_path: Path) -> None:
    shutil.copytree(flat, tmp_path / "part", ignore=shutil.ignore_patterns("260_0.png", "list.json"))
    found = dreambench.score(tmp_path / "part", **ASKED, out=tmp_path / "scores")
    assert found.summary.unscored == 1
    assert "|cells:" in found.signature


def test_scores_of_single_subjects_do_not_compare(scored: dreambench.Scores, tmp_path: Path) -> None:
    single = {name: {0: [PHOTOS / name / "00.png"]} for name in ("cat", "dog")}
    other = dreambench.score(
        single, preset="mini", protocol="uno@mini", subjects=["cat", "dog"], prompts="0", out=tmp_path
    )
    with pytest.raises(DreambenchError, match="subjects: None, not pairs@72e3f893"):
        dreambench.compare(scored, other)


def test_photos_that_were_moved_are_those_of_both_subjects(flat: Path, tmp_path: Path, capsys) -> None:
    for place in ("before", "after"):
        (tmp_path / place).mkdir()
        for name in ("cat", "dog"):
            shutil.copytree(PHOTOS / name, tmp_path / place / name)
        (tmp_path / place / "subjects.csv").write_text(
            "subject,class_noun,category\ncat,cat,live\ndog,dog,live\n"
        )
    asked = {"preset": "mini", "protocol": "mini", "prompts": "0", "metrics": ["dino"]}
    pairs = ["protocol.subject_pairs=[[cat, dog]]", "protocol.images=1"]
    image = {"cat+dog": {0: [flat / "250_0.png"]}}
    found = dreambench.score(
        image, **asked, data=tmp_path / "before", overrides=pairs, out=tmp_path / "scores"
    )
    shutil.rmtree(tmp_path / "before")
    with pytest.raises(SystemExit):
        main(["report", str(found.run.path), "--data", str(tmp_path / "after"), "--json"])
    assert "cannot be shown" not in capsys.readouterr().err


REFUSED = {
    "of one subject": ("teapot", "two subjects, such as cat.teapot; rename"),
    "turned round": ("teapot+cat", "the pair is called cat.teapot; rename"),
    "misspelled": ("cat+taepot", "mean 'cat.teapot'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_folder_than_a_pairs_is_named(tmp_path: Path, case: str) -> None:
    name, message = REFUSED[case]
    (tmp_path / name).mkdir()
    (tmp_path / name / "00-0.png").write_bytes(b"x")
    with pytest.raises(DreambenchError, match=message):
        list(read_layout(tmp_path, [pair("cat", "teapot")]))


def test_a_pairs_folder_needs_a_protocol_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "cat+teapot").mkdir()
    (tmp_path / "cat+teapot" / "00-0.png").write_bytes(b"x")
    with pytest.raises(DreambenchError, match="need a protocol of pairs, such as --protocol uno-multi"):
        list(read_layout(tmp_path, [CAT, TEAPOT]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["score", "--images", "IMAGES", "--protocol", "uno@mini,uno-multi@mini"],
            "do not show the same pairs",
        ),
        (["score", "--images", "IMAGES", "--metrics", "pres"], "pres is for images of one subject"),
        (["score", "--images", "IMAGES", "--subjects", "dog"], "subject 'dog' is not in the dataset"),
        (["run"], "a run draws one"),
        (["plan"], "a run draws one"),
    ],
)
def test_what_pairs_cannot_be_asked_for_is_one_line(
    flat: Path, capsys, words: list[str], message: str
) -> None:
    protocol = [] if "--protocol" in words else ["--protocol", "uno-multi@mini"]
    with pytest.raises(SystemExit) as ended:
        main([str(flat) if word == "IMAGES" else word for word in [*words, "--preset", "mini", *protocol]])
    captured = capsys.readouterr()
    one_line((ended.value.code, captured.out, captured.err), message)


def test_a_scorer_is_of_one_subject() -> None:
    with pytest.raises(DreambenchError, match="a Scorer is of one subject"):
        dreambench.Scorer(
            sorted((PHOTOS / "dog").glob("*.png")), "dog", protocol="uno-multi@mini", device="cpu"
        )
