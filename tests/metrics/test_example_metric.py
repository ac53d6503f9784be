"""The example package of the docs: installed, it is a metric like any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from dreambench.cli import main
from dreambench.spec.registries import METRICS, get_metric
from tests.material import tiny as models
from tests.material.example_packages import count_lines, install

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the package with pip; while it is installed, this process knows its metric."""
    target = install("example-metric", tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(target))
        patch.setattr(METRICS, "_entries", None)
        patch.setattr(METRICS, "_classes", {})
        get_metric.cache_clear()
        yield target
    get_metric.cache_clear()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Vision Transformer with a class token, at random, as timm saves it."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model("test_vit", num_classes=0).state_dict(), file)
    return file


def _images(folder: Path, shade: int) -> Path:
    for subject, color in (("dog", (200, 120, shade)), ("vase", (shade, 40, 160))):
        (folder / subject).mkdir(parents=True)
        for index in range(2):
            Image.new("RGB", (64, 64), (*color[:2], color[2] + 9 * index)).save(
                folder / subject / f"00-{index}.png"
            )
    return folder


def _call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    out = capsys.readouterr().out
    assert isinstance(ended.value.code, int)
    return ended.value.code, out


def test_it_is_shorter_than_60_lines() -> None:
    assert count_lines("example-metric") < 60


def test_without_the_package_its_run_says_which_metric_is_missing() -> None:
    from dreambench.errors import DreambenchError

    with pytest.raises(DreambenchError, match="metric 'dinov2_reg' is unknown; did you mean 'dinov2'"):
        get_metric("dinov2_reg")


def test_it_is_in_table_page_signature_check_and_json(installed, weights, tiny, tmp_path, capsys) -> None:
    words = models.options({k: v for k, v in tiny.items() if k.startswith("protocol.")})
    encoder = {"model": "test_vit", "weights": str(weights), "resize": "64", "crop": "64"}
    words += [word for k, v in encoder.items() for word in ("--set", f"protocol.encoders.dinov2_reg.{k}={v}")]
    words += ["--data", tiny["data"], "--subjects", "dog,vase", "--prompts", "0", "--images-per-prompt", "2"]
    runs = []
    for shade in (40, 42, 44):  # three seeds of one method differ little
        images = _images(tmp_path / f"images{shade}", shade)
        runs.append(str(tmp_path / f"scores{shade}"))
        asked = (
            "score",
            "--images",
            str(images),
            "--metrics",
            "dino,dinov2_reg",
            "--out",
            runs[-1],
            "--json",
        )
        code, out = _call(capsys, *asked, *words)
        assert code == 0
        summary = json.loads(out)
    score = summary["rows"][1]["dinov2_reg"]
    assert -1 <= score["mean"] <= 1
    assert summary["subjects"]["dog"]["dinov2_reg"] != summary["subjects"]["dog"]["dino"]
    assert "|dinov2_reg:test_vit/sha256-" in summary["signature"]
    assert "/r64c64" in summary["signature"]

    code, out = _call(capsys, "report", runs[0], "--out", str(tmp_path / "report"))
    assert code == 0
    assert "DINOv2-reg" in out
    page = (tmp_path / "report" / "index.html").read_text()
    assert "DINOv2-reg ↑" in page
    assert "by DINOv2-reg embeddings" in page
    assert "dinov2_reg" in (tmp_path / "report" / "subjects.csv").read_text().splitlines()[0]

    baseline = str(tmp_path / "baseline.json")
    # Few images of few seeds see little: at the usual alpha their tolerance would be refused.
    update = ["--baseline", baseline, "--update", "--alpha", "0.5"]
    assert _call(capsys, "check", *runs, *update)[0] == 0
    assert "dinov2_reg" in json.loads(Path(baseline).read_text())["metrics"]
    code, out = _call(capsys, "check", runs[2], "--baseline", baseline, "--json")
    assert code in (0, 1)
    assert "dinov2_reg" in {c["metric"] for c in json.loads(out)["comparisons"]}

    code, out = _call(capsys, "metrics", "--json")
    assert json.loads(out)["dinov2_reg"]["source"].startswith("Darcet")
