"""Other people's images: read from a folder or a CSV file, scored like a run, refused in one line."""

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
from tests.store.material import record

pytestmark = pytest.mark.slow


def encoder_words(tiny: dict[str, str]) -> list[str]:
    from tests.material import tiny as models

    words = models.options({k: v for k, v in tiny.items() if k.startswith("protocol.")})
    return ["--preset", "paper-sd15", "--data", tiny["data"], *words]


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


def score(tiny, capsys, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["score", *encoder_words(tiny), *words])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


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


def one_line(result: tuple[int, str, str], *parts: str) -> None:
    code, out, err = result
    assert code == 2
    assert out == ""
    told = [line for line in err.splitlines() if line.startswith("dreambench: ")]
    assert len(told) == 1
    assert all(part in told[0] for part in parts), told[0]
    assert "Traceback" not in err


def manifest(folder: Path, *lines: str, header: str = "file,subject,prompt_index") -> str:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (64, 64), "red").save(folder / "a.png")
    Image.new("RGB", (64, 64), "blue").save(folder / "b.png")
    (folder / "list.csv").write_text("\n".join([header, *lines]) + "\n")
    return str(folder / "list.csv")


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        (("a.png,dog,0", "b.png,hound,0"), ("line 3", "'hound'", "data show")),
        (("a.png,dog,zero",), ("line 2", "prompt_index 'zero'")),
        (("a.png,dog,25",), ("line 2", "prompt_index 25", "0 to 24")),
        (("../a.png,dog,0",), ("line 2", "../a.png lies outside")),
        (("/etc/hostname,dog,0",), ("line 2", "lies outside")),
        (("c.png,dog,0",), ("line 2", "c.png does not exist")),
        (("a.png,dog",), ("line 2", "does not have as many fields")),
        (("a.png,dog,0", "b.png,dog,0", "a.png,vase,0"), ("line 4", "a.png is already in line 2")),
    ],
)  # fmt: skip
def test_a_bad_manifest_line_is_named(tiny, capsys, tmp_path, lines, parts):
    words = ("--manifest", manifest(tmp_path / "in", *lines), "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), *parts)
    assert not (tmp_path / "out").exists()


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


def test_two_rows_of_one_cell_are_refused(tiny, capsys, tmp_path):
    path = manifest(
        tmp_path / "in", "a.png,dog,0,1", "b.png,dog,0,1", header="file,subject,prompt_index,image_index"
    )
    words = ("--manifest", path, "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "line 3", "same subject, prompt and image as")


def test_an_image_index_beyond_the_spec_is_refused(tiny, capsys, tmp_path):
    header = "file,subject,prompt_index,image_index"
    path = manifest(tmp_path / "in", "a.png,dog,0,4", "b.png,dog,0,6", header=header)
    words = ("--manifest", path, "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "line 2", "image_index 4", "--images-per-prompt 7")


def test_a_column_that_is_not_used_is_named_and_the_row_has_a_name(tiny, capsys, tmp_path):
    path = manifest(tmp_path / "in", "a.png,dog,0,5", header="file,subject,prompt_index,cfg")
    words = ("--subjects", "dog", "--metrics", "dino", "--name", "my method", "--json")
    code, out, err = score(tiny, capsys, "--manifest", path, *words, "--out", str(tmp_path / "out"))
    assert code == 0, err
    assert json.loads(out)["rows"][1]["method"] == "my method"
    assert "ignored columns: cfg" in err
    assert "--images-per-prompt 1 to expect no more" in err


def test_a_prompt_and_an_index_that_disagree_are_refused(tiny, capsys, tmp_path):
    line = "a.png,dog,0,a dog in the snow"
    path = manifest(tmp_path / "in", line, header="file,subject,prompt_index,prompt")
    one_line(score(tiny, capsys, "--manifest", path, "--out", str(tmp_path / "out")), "is prompt 1")


def test_a_prompt_that_is_not_the_benchmarks_is_named(tiny, capsys, tmp_path):
    path = manifest(tmp_path / "in", "a.png,dog,a sks dog on the moon", header="file,subject,prompt")
    words = ("--manifest", path, "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "line 2", "on the moon", "not an official prompt", "did you mean")


def folder_with(tmp_path: Path, **files: bytes | Image.Image) -> str:
    for name, content in files.items():
        path = tmp_path / "images" / "dog" / name.replace("_", "-").replace("-png", ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path)
    return str(tmp_path / "images")


RED = Image.new("RGB", (64, 64), "red")


def test_a_file_name_that_says_no_cell_is_named(tiny, capsys, tmp_path):
    words = ("--images", folder_with(tmp_path, final_png=RED), "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "final.png", "07-2.png")


def test_one_cell_in_two_spellings_is_refused(tiny, capsys, tmp_path):
    words = (
        "--images",
        folder_with(tmp_path, **{"00_0_png": RED, "0_0_png": RED}),
        "--out",
        str(tmp_path / "out"),
    )
    one_line(score(tiny, capsys, *words), "same subject, prompt and image")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"x" * 40])
def test_an_unreadable_image_is_named_and_nothing_is_lost(tiny, capsys, tmp_path, content):
    images = folder_with(tmp_path, **{"00_0_png": RED, "01_0_png": content})
    words = ("--images", images, "--subjects", "dog", "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "01-0.png")
    RED.save(tmp_path / "images" / "dog" / "01-0.png")
    assert score(tiny, capsys, *words)[0] == 0


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


def test_two_sizes_in_one_prompt_are_refused_where_diversity_is_asked(tiny, capsys, tmp_path):
    images = folder_with(tmp_path, **{"00_0_png": RED, "00_1_png": Image.new("RGB", (80, 64))})
    words = ("--images", images, "--subjects", "dog", "--out", str(tmp_path / "out"))
    one_line(score(tiny, capsys, *words), "00-0.png", "00-1.png")
    assert score(tiny, capsys, *words, "--metrics", "dino,clip_i")[0] == 0


@pytest.mark.parametrize("kind", ["nothing", "both", "no folder", "empty", "unknown subject"])
def test_what_is_no_submission_is_told_in_one_line(tiny, capsys, tmp_path, kind):
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd" / "hound").mkdir(parents=True)
    words = {
        "nothing": ([], "either --images"),
        "both": (["--images", str(tmp_path), "--manifest", "x.csv"], "either --images"),
        "no folder": (["--images", str(tmp_path / "none")], "is not a folder"),
        "empty": (["--images", str(tmp_path / "empty")], "contains no image"),
        "unknown subject": (["--images", str(tmp_path / "odd")], "no subject 'hound'"),
    }[kind]
    one_line(score(tiny, capsys, *words[0], "--out", str(tmp_path / "out")), words[1])
    assert not (tmp_path / "out").exists()


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
