"""``dreambench reproduce`` on tiny real models: every run, the page that is read from them, and resuming."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dreambench.analysis.embedding_similarities import photo_embeddings
from dreambench.analysis.run_scores import read_run_scores
from dreambench.cli import main
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import open_run

pytestmark = pytest.mark.slow


def build(fields: Mapping[str, Any]) -> RunSpec:
    return build_spec("paper-sd15", fields)


@pytest.fixture
def command(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from tests.material import tiny as models

    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    sampler = {"scheduler": "ddim", "steps": 1}
    trained = {"steps": 1, "class_images": 2, "class_sampler": sampler}
    preset = {
        "base": {"model": "x"},
        "method": "dreambooth",
        "sampler": sampler,
        "prompts": "0",
        "images_per_prompt": 2,
        "methods": {
            "dreambooth": trained,
            "dreambooth-lora": {**trained, "rank": 2},
            "textual-inversion": {"steps": 1},
            "pretrained": {},
        },
    }
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(preset))  # YAML without aliases
    options = ["--preset", str(file), "--data", str(tiny["data"]), *models.options(tiny)]
    settings = ["--set", "prompts=0", "--set", "protocol.prior_images=2"]
    return ["reproduce", "--subjects", "dog,teapot", "--out", str(tmp_path / "all"), *options, *settings]


def test_one_command_makes_every_run_and_the_page(command, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command, "--seeds", "0"])
    assert end.value.code == 0, capsys.readouterr().err
    shown = capsys.readouterr()
    assert Path(shown.out.strip()) == tmp_path / "all" / "reproduction.md"
    assert "2 subjects reused from finished runs" in shown.err
    text = (tmp_path / "all" / "reproduction.md").read_text()
    for expected in (
        "<summary>Comparison (Table 1)",
        "| textual-inversion |",
        "<summary>Prior preservation (Table 3)",
        "| without against with | DINO |",
        "<summary>Class noun (Table 4)",
        "<summary>Number of training photos (Table 5)",
        "| DreamBooth is above Textual Inversion in DINO (Table 1) | +0.099 | ",
        "## Along training",
        "<summary>How this page was made",
        "| `comparison/dreambooth-s0` | 2 |",
        "dreambench ablate class-noun",
        f" --data {command[command.index('--data') + 1]} ",
    ):
        assert expected in text
    # Every number of the page is read from the runs: made again, it is the same.
    with pytest.raises(SystemExit):
        main([*command, "--seeds", "0", "--page", str(tmp_path / "again" / "reproduction.md")])
    again = (tmp_path / "again" / "reproduction.md").read_text()
    assert (
        again.split("<summary>How this page was made")[0] == text.split("<summary>How this page was made")[0]
    )
    runs = [json.loads(file.read_text()) for file in (tmp_path / "all").rglob("run.json")]
    assert len(runs) == 16 + 3
    assert all(run["status"] == "complete" and run["seconds"] > 0 for run in runs)
    _tables_alone_give_the_same_page(command, tmp_path, again)


def _tables_alone_give_the_same_page(command: list[str], top: Path, page: str) -> None:
    kept = ["--tables", str(top / "kept")]
    assert call([*command, "--seeds", "0", *kept])
    files = [file for file in (top / "kept").rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".parquet", ".safetensors", ".md", ".svg", ".csv"}
    for file in (top / "kept").rglob("run.json"):
        photos = json.loads(file.read_text())["photos"]
        assert not any(Path(photo).is_absolute() for found in photos.values() for photo in found)
    place = "comparison/dreambooth-s0"
    ours, theirs = read_run_scores([open_run(top / "all" / place), open_run(top / "kept" / place)])
    for kind in ("clip", "dino"):
        whole, copied = photo_embeddings(ours, kind), photo_embeddings(theirs, kind)
        assert set(whole) == set(copied) == {"dog", "teapot"}
        assert all((whole[subject] == copied[subject]).all() for subject in whole)
    (top / "all").rename(top / "away")
    assert call([*command, "--seeds", "0", *kept, "--page", str(top / "third" / "reproduction.md")])
    assert not (top / "all").exists()
    assert (top / "third" / "reproduction.md").read_text().split("<summary>How this page was made")[
        0
    ] == page.split("<summary>How this page was made")[0]
    _what_is_finished_makes_a_page(command, top)
    # A run that is away is made; one that is of other settings, or not whole, is refused.
    pretrained = top / "kept" / "comparison" / "pretrained-s0"
    shutil.rmtree(pretrained)
    assert call([*command, "--seeds", "0", *kept])
    assert [path.name for path in (top / "all").rglob("run.json")] == ["run.json"]
    assert (pretrained / "run.json").exists()
    assert call([*command, "--seeds", "0", *kept, "--set", "image_size=16"], code=2)
    file = pretrained / "run.json"
    file.write_text(file.read_text().replace('"complete"', '"partial"', 1))
    assert call([*command, "--seeds", "0", *kept], code=2)


def _what_is_finished_makes_a_page(command: list[str], top: Path) -> None:
    words = [*command, "--seeds", "0,1", "--tables", str(top / "kept"), "--finished"]
    (top / "kept" / "class-noun-s0" / "wrong").rename(top / "wrong")
    assert call([*words, "--page", str(top / "part.md")])
    text = (top / "part.md").read_text()
    lines = text.splitlines()
    warning = lines[lines.index('<details markdown="1"><summary>Not finished</summary>') + 2]
    assert f"**{warning.count('`') // 2} runs not finished" in text
    assert all(f"`{name}`" in warning for name in ("comparison/dreambooth-s1", "class-noun-s0/wrong"))
    assert "comparison/dreambooth-s0" not in warning
    assert "--seeds 0,1 --finished" in text
    assert "<summary>Number of training photos (Table 5)" in text
    assert (
        "<summary>Class noun (Table 4)" not in text
    )  # all variants or none: a table of some compares nothing
    assert not (top / "all").exists()
    (top / "wrong").rename(top / "kept" / "class-noun-s0" / "wrong")
    assert call(
        [*words, "--set", "image_size=16"], code=2
    )  # the page would name settings that its runs had not
    assert call([*command, "--finished"], code=2)


def call(words: list[str], code: int = 0) -> bool:
    """Run the command in this process; whether it ended with ``code``."""
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0) == code


def test_what_cannot_end_well_is_refused_before_anything_runs(tmp_path: Path, capsys) -> None:
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / "kept" / "comparison" / "dreambooth-s0").mkdir(parents=True)
    for words, told in (
        (["--tables", str(tmp_path / "kept")], "dreambooth-s0 contains no run"),
        (["--tables", str(tmp_path / "all")], "--tables and --out are both"),
        (["--correlation", str(tmp_path / "c.json")], "no test of DINO against CLIP-I"),
        (["--set", "method.steps=3"], "does not suit every method"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["reproduce", "--preset", "mini", "--out", str(tmp_path / "all"), *words])
        assert end.value.code == 2
        assert told in capsys.readouterr().err
        assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("seeds", ["0,0", "a", "-1", ""])
def test_wrong_seeds_are_one_line(seeds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["reproduce", f"--seeds={seeds}"])
    assert end.value.code == 2
    assert "--seeds" in capsys.readouterr().err
