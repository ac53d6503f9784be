"""Other people's images: read from a folder or a CSV file, and scored like a run."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from dreambench.cli import main
from dreambench.dataset import Dataset, Prompt, Subject
from dreambench.errors import DreambenchError
from dreambench.runs.submissions.score import _nothing_left_of_a_failure
from dreambench.runs.submissions.submission import expected_images, read_submission
from dreambench.store import RunFolder, open_run
from tests.runs.submissions.submitted_images import manifest, score
from tests.store.material import record

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory) -> Path:
    """A finished run of two subjects, three prompts and two images."""
    from tests.material import tiny as models

    top = tmp_path_factory.mktemp("made")
    small = ("method.steps=2", "method.class_images=2", "method.class_sampler.steps=2", "sampler.steps=2")
    sets = [word for s in small for word in ("--set", s)]
    words = ["run", "--preset", "paper-sd15", "--data", tiny["data"], *models.options(tiny), *sets]
    choice = ["--subjects", "dog,vase", "--prompts", "0,3,24", "--images-per-prompt", "2"]
    prior = ["--metrics", "dino,clip_i,clip_t,div,pres", "--set", "protocol.prior_images=2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DREAMBENCH_CACHE", str(top / "cache"))
        with pytest.raises(SystemExit) as ended:
            main([*words, *choice, *prior, "--out", str(top / "run")])
    assert ended.value.code == 0
    return top / "run"


SAME = ("--subjects", "dog,vase", "--prompts", "0,3,24", "--images-per-prompt", "2")
ALL = ("--metrics", "dino,clip_i,clip_t,div,pres")


def test_a_runs_images_get_the_same_numbers_through_score(tiny, capsys, made, tmp_path):
    out = tmp_path / "scored"
    code, _, err = score(tiny, capsys, "--images", str(made / "images"), *SAME, *ALL, "--out", str(out))
    assert code == 0, err
    ours, theirs = open_run(out), open_run(made)
    columns = ["subject", "prompt_index", "image_index", "clip_i", "dino", "clip_t"]
    pd.testing.assert_frame_equal(ours.scores("images")[columns], theirs.scores("images")[columns])
    for table in ("diversity", "photos"):
        pd.testing.assert_frame_equal(ours.scores(table), theirs.scores(table))
    assert list(ours.scores("prior").pres) == list(theirs.scores("prior").pres)


def test_run_and_score_print_the_same_signature(tiny, capsys, made, tmp_path):
    code, out, _ = score(
        tiny, capsys, "--images", str(made / "images"), *SAME, "--out", str(tmp_path / "s"), "--json"
    )
    assert code == 0
    scored = json.loads(out)
    reported = json.loads((made / "report" / "report.json").read_text())
    assert scored["signature"] == reported["signature"]
    assert scored["n_images"] == 12
    for metric in ("dino", "clip_i", "clip_t", "div"):
        assert scored["rows"][1][metric]["mean"] == pytest.approx(
            reported["rows"][1][metric]["mean"], abs=1e-9
        )


def test_a_manifest_with_prompts_scores_like_a_folder(tiny, capsys, made, tmp_path):
    shutil.copytree(made / "images", tmp_path / "files")
    frame = open_run(made).scores("images")
    with open(tmp_path / "list.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "subject", "prompt"])
        for row in frame.itertuples():
            name = f"{row.subject}/{row.prompt_index:02d}-{row.image_index}.png"
            writer.writerow([f"files/{name}", row.subject, row.prompt])
    out = tmp_path / "scored"
    code, _, err = score(tiny, capsys, "--manifest", str(tmp_path / "list.csv"), *SAME, "--out", str(out))
    assert code == 0, err
    pd.testing.assert_frame_equal(
        open_run(out).scores("images")[["dino", "clip_i", "clip_t"]], frame[["dino", "clip_i", "clip_t"]]
    )


def test_missing_images_are_named_and_counted(tiny, capsys, made, tmp_path):
    shutil.copytree(made / "images", tmp_path / "images")
    (tmp_path / "images" / "dog" / "03-1.png").unlink()
    words = ("--images", str(tmp_path / "images"), *SAME, "--out", str(tmp_path / "s"), "--json")
    code, out, err = score(tiny, capsys, *words)
    summary = json.loads(out)
    assert code == 0
    assert "1 image is missing: dog/03-1" in err
    assert (summary["n_images"], summary["unscored"]) == (11, 1)
    assert "|n:11" in summary["signature"]
    assert open_run(tmp_path / "s").record.status == "partial"


def test_a_dataset_of_more_than_25_prompts_takes_images_of_all_of_them(tmp_path):
    template = "a {identifier} {class_noun} in place "
    prompts = tuple(Prompt(i, f"{template}{i}", "recontextualization") for i in range(30))
    dataset = Dataset("mine", "0", "0", tmp_path, (Subject("dog", "dog", "live", (), prompts),))
    run, image = RunFolder(tmp_path, record()), Image.new("RGB", (8, 8))
    given = read_submission({"dog": {29: [image]}}, dataset)
    images = expected_images(given, run.record.spec, dataset, run)["dog"]
    assert [cell.prompt_index for cell in images.cells if cell.file] == [29]
    given = read_submission({"dog": {30: [image]}}, dataset)
    with pytest.raises(DreambenchError, match="prompt_index 30 is not 0 to 29"):
        expected_images(given, run.record.spec, dataset, run)


@pytest.mark.parametrize(("index", "known"), [("0.0", True), ("3.", True), ("0.5", False), ("1e0", False)])
def test_a_whole_number_may_be_written_as_pandas_does(tmp_path, index, known):
    subject = Subject("dog", "dog", "live", (), tuple(Prompt(i, f"x{i}", "") for i in range(4)))
    dataset = Dataset("mine", "0", "0", tmp_path, (subject,))
    path = manifest(tmp_path / "in", f"a.png,dog,{index}")
    if known:
        assert [cell[1] for cell in read_submission(path, dataset).images] == [int(index[0])]
    else:
        with pytest.raises(DreambenchError, match=f"line 2: prompt_index '{index}' is not a number from 0"):
            read_submission(path, dataset)


def test_a_column_that_is_not_used_is_named_and_the_row_has_a_name(tiny, capsys, tmp_path):
    path = manifest(tmp_path / "in", "a.png,dog,0,5", header="file,subject,prompt_index,cfg")
    words = ("--subjects", "dog", "--metrics", "dino", "--name", "my method", "--json")
    code, out, err = score(tiny, capsys, "--manifest", path, *words, "--out", str(tmp_path / "out"))
    assert code == 0, err
    assert json.loads(out)["rows"][1]["method"] == "my method"
    assert "ignored columns: cfg" in err
    assert "--images-per-prompt 1 to expect no more" in err


@pytest.mark.parametrize(
    ("there", "made", "left"), [(False, "", False), (False, "embeddings", True), (True, "", True)]
)
def test_of_a_score_that_could_not_begin_no_folder_is_left(tmp_path, there: bool, made: str, left: bool):
    """What costs time is kept: embeddings, and everything of a folder that was there before."""
    folder = tmp_path / "score"

    def fail() -> None:
        with _nothing_left_of_a_failure(folder):
            (folder / made).mkdir(parents=True, exist_ok=True)
            (folder / "run.json").write_text("{}")
            raise DreambenchError("no weights")

    if there:
        folder.mkdir()
    with pytest.raises(DreambenchError, match="no weights"):
        fail()
    assert (folder / "run.json").exists() == left


def test_images_of_every_kind_are_converted_not_refused(tiny, capsys, tmp_path):
    folder = tmp_path / "images" / "dog"
    folder.mkdir(parents=True)
    source = Image.radial_gradient("L").resize((64, 64))
    source.save(folder / "00-0.png")
    source.convert("RGBA").save(folder / "00-1.png")
    source.convert("P").save(folder / "00-2.png")
    source.convert("CMYK").save(folder / "00-3.jpg")
    words = ("--images", str(tmp_path / "images"), "--subjects", "dog", "--prompts", "0")
    code, out, err = score(tiny, capsys, *words, "--out", str(tmp_path / "out"), "--json")
    assert code == 0, err
    assert json.loads(out)["n_images"] == 4
    frame = open_run(tmp_path / "out").scores("images")
    assert frame.dino[0] == pytest.approx(frame.dino[1], abs=1e-5)
