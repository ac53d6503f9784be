"""The commands of ``dreambench data``: what they print, and their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from dreambench.cli.data_command import app
from dreambench.errors import DreambenchError
from tests.cli.material import in_a_process

RUN = CliRunner()


def test_show_needs_no_photos() -> None:
    result = RUN.invoke(app, ["show", "--prompts"])
    assert result.exit_code == 0
    assert "dreambooth@4f887af" in result.stdout
    assert "grey_sloth_plushie" in result.stdout
    assert "wearing a santa hat" in result.stdout


def test_show_json() -> None:
    shown = json.loads(RUN.invoke(app, ["show", "--json", "--prompts"]).stdout)
    assert len(shown["subjects"]) == 30
    assert shown["subjects"][0] == {
        "subject": "backpack", "class_noun": "backpack", "category": "object", "photos": 6
    }  # fmt: skip
    assert [len(shown["prompts"][category]) for category in ("object", "live")] == [25, 25]
    assert shown["prompts"]["object"][20]["template"] == "a red {identifier} {class_noun}"
    assert "prompts" not in json.loads(RUN.invoke(app, ["show", "--json"]).stdout)


def test_show_lists_the_pairs_of_a_protocol_with_their_prompts() -> None:
    shown = json.loads(RUN.invoke(app, ["show", "--protocol", "uno-multi", "--prompts", "--json"]).stdout)
    assert len(shown["subjects"]) == len(shown["prompts"]) == 30
    assert shown["subjects"][10] == {
        "subject": "cat+dog", "class_noun": "cat and a dog", "category": "live", "photos": 10,
        "inputs": ["cat/04", "dog/02"],
    }  # fmt: skip
    assert shown["prompts"]["cat+dog"][0]["template"] == "a cat and a dog in the jungle"
    assert "cat/04, dog/02" in RUN.invoke(app, ["show", "--protocol", "uno-multi"]).stdout
    refused = RUN.invoke(app, ["show", "--protocol", "uno"])
    assert isinstance(refused.exception, DreambenchError)
    assert "is for images of one subject" in str(refused.exception)


def test_show_a_users_dataset_with_markup_in_its_names(own: Callable[..., Path]) -> None:
    folder = own("subject,class_noun\n[red]x[b],mug\n", "[red]x[b]")
    result = RUN.invoke(app, ["show", "--data", str(folder)])
    assert "[red]x[b]" in result.stdout


def test_verify_good_and_bad(own: Callable[..., Path]) -> None:
    folder = own("subject,class_noun\nmug,mug\n", "mug")
    good = RUN.invoke(app, ["verify", "--data", str(folder)])
    assert (good.exit_code, good.stdout.count("\n")) == (0, 1)
    assert "no problems" in good.stdout
    as_json = json.loads(RUN.invoke(app, ["verify", "--data", str(folder), "--json"]).stdout)
    assert as_json["photos"] == 2
    assert as_json["problems"] == []
    assert as_json["dataset"].startswith("my-photos@")

    (folder / "mug" / "0.png").write_bytes(b"")
    bad = RUN.invoke(app, ["verify", "--data", str(folder)])
    assert bad.exit_code == 1
    assert "mug/0.png" in bad.stdout
    bad = RUN.invoke(app, ["verify", "--data", str(folder), "--json"])
    assert bad.exit_code == 1
    assert json.loads(bad.stdout) == {
        "dataset": None,
        "photos": None,
        "problems": [{"file": "mug/0.png", "problem": "is empty (0 bytes)"}],
    }


def test_verify_without_a_dataset() -> None:
    result = RUN.invoke(app, ["verify"])
    assert isinstance(result.exception, DreambenchError)
    assert "dreambench data pull" in str(result.exception)


def test_pull_and_verify_the_official_dataset(official: Path, tmp_path: Path) -> None:
    target = tmp_path / "photos"
    for word in ("each verified", "nothing to do"):
        result = RUN.invoke(app, ["pull", "--from", str(official), "--to", str(target)])
        assert result.exit_code == 0
        assert word in result.stdout
    assert RUN.invoke(app, ["verify", "--data", str(target)]).exit_code == 0
    Image.new("RGB", (4, 4)).save(target / "cat" / "00.jpg")
    result = RUN.invoke(app, ["verify", "--data", str(target)])
    assert result.exit_code == 1
    assert "cat/00.jpg" in result.stdout


@pytest.mark.parametrize("module", ["dreambench.dataset", "dreambench.cli.data_command"])
def test_importing_is_cheap(module: str) -> None:
    code = f"import sys, {module}; print(*{{'torch', 'pooch', 'pandas', 'numpy'}} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_what_pillow_says_of_a_photos_exif_is_not_shown(own: Callable[..., Path], tmp_path: Path) -> None:
    folder = own("subject,class_noun\nmug,mug\n", "mug")
    photo = Image.new("RGB", (8, 8), "red")
    photo.save(folder / "mug" / "2.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    done = in_a_process("data", "verify", "--data", str(folder), cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
