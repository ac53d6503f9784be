"""Folders and manifests of images to score by tiny encoders, and how tests call `dreambench score`."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dreambench.cli import main

RED = Image.new("RGB", (64, 64), "red")


def encoder_words(tiny: dict[str, str]) -> list[str]:
    from tests.material import tiny as models

    words = models.options({k: v for k, v in tiny.items() if k.startswith("protocol.")})
    return ["--preset", "paper-sd15", "--data", tiny["data"], *words]


def score(tiny, capsys, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["score", *encoder_words(tiny), *words])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


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


def folder_with(tmp_path: Path, **files: bytes | Image.Image) -> str:
    for name, content in files.items():
        path = tmp_path / "images" / "dog" / name.replace("_", "-").replace("-png", ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path)
    return str(tmp_path / "images")
