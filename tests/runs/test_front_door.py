"""The front door: the functions that a notebook or a training loop calls, on the miniature."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import dreambench
from dreambench.errors import DreambenchError
from dreambench.paths import data_folder

pytestmark = pytest.mark.slow

WITH_EXAMPLES = [
    "dreambench",
    "dreambench.metrics.scorer",
    "dreambench.runs.shown_photos",
    "dreambench.spec.metric",
    "dreambench.spec.presets",
]


def _photos(subject: str) -> list[Path]:
    return sorted((data_folder() / "mini" / "photos" / subject).glob("*.png"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[dreambench.Scores, dreambench.Scores]:
    """The scores of two subjects: of their own photos as images, and of plain pictures."""
    top = tmp_path_factory.mktemp("scores")
    asked = {"subjects": ["dog", "vase"], "prompts": "0", "images_per_prompt": 2, "device": "cpu"}
    own = {s: {0: [Image.open(p) for p in _photos(s)[:2]]} for s in ("dog", "vase")}
    plain = {s: {0: [Image.new("RGB", (64, 64), c) for c in ("red", "navy")]} for s in ("dog", "vase")}
    return (
        dreambench.score(own, "mini", out=top / "own", name="own", **asked),
        dreambench.score(plain, preset="mini", out=top / "plain", name="plain", **asked),  # its own protocol
    )


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_the_docstrings_run(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted > 0
    assert found.failed == 0


def test_importing_it_imports_no_torch() -> None:
    words = "import dreambench, sys; dreambench.score, dreambench.load; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_name_of_the_front_door_exists() -> None:
    assert all(getattr(dreambench, name) is not None for name in dreambench.__all__)
    with pytest.raises(AttributeError, match="scrore"):
        dreambench.scrore  # noqa: B018


def test_scores_are_frames_with_a_signature(two) -> None:
    own, plain = two
    assert list(own.table.index) == ["own"]
    assert own.table.at["own", "n_images"] == 4
    assert own.table.at["own", "dino"] > plain.table.at["plain", "dino"]
    assert own.table.loc["own", ["dino_low", "dino_high"]].isna().all()  # one subject has no interval
    assert set(own.subjects.columns) == {"dino", "clip_i", "clip_t", "div"}
    assert len(own.images) == 4
    assert "preset:mini" in own.signature
    assert own.signature in repr(own)
    assert "DINO ↑" in repr(own)
    assert "never to be compared with the paper's numbers" in repr(own)
    page = own._repr_html_()
    assert own.signature in page
    assert "<th>DINO ↑</th>" in page
    assert dreambench.load(own.run.path).signature == own.signature


def test_compare_gives_paired_differences_first_minus_second(two) -> None:
    own, plain = two
    found = dreambench.compare(own, plain)
    assert found.at["dino", "mean"] == pytest.approx(
        own.table.at["own", "dino"] - plain.table.at["plain", "dino"]
    )
    assert found.at["dino", "n"] == 2
    swapped = dreambench.compare(plain.run.path, str(own.run.path))  # folders as well
    assert swapped.at["dino", "mean"] == pytest.approx(-found.at["dino", "mean"])


def test_compare_has_numbers_where_a_single_subject_has_no_p(tmp_path: Path) -> None:
    asked = {
        "subjects": ["dog"],
        "prompts": "0",
        "images_per_prompt": 1,
        "metrics": ["dino"],
        "device": "cpu",
    }
    one, other = (
        dreambench.score({"dog": {0: _photos("dog")[i : i + 1]}}, "mini", out=tmp_path / str(i), **asked)
        for i in (0, 1)
    )
    found = dreambench.compare(one, other)
    assert found["p"].dtype == found["p_holm"].dtype == float
    assert found.loc["dino", ["low", "high", "p", "p_holm"]].isna().all()


def test_what_is_not_a_protocols_name_is_one_line() -> None:
    with pytest.raises(DreambenchError, match="protocol is a ProtocolSpec; give a name"):
        dreambench.score({}, dreambench.Protocol())
    with pytest.raises(DreambenchError, match=r"no/such\.yaml"):
        dreambench.score({}, ["mini", Path("no/such.yaml")])


@pytest.mark.parametrize("option", ["protocol", "preset", "base", "data"])
def test_an_empty_name_is_not_the_default(option: str) -> None:
    with pytest.raises(DreambenchError, match=f"--{option} is empty"):
        dreambench.run(**{"preset": "mini", option: ""})


def test_an_empty_preset_is_not_the_default() -> None:
    with pytest.raises(DreambenchError, match=r"field base\.model is missing"):
        dreambench.score({}, preset={})


@pytest.mark.parametrize("names", [3, [3], [None]])
@pytest.mark.parametrize("option", ["subjects", "metrics"])
def test_what_is_not_a_name_is_one_line(option: str, names: object) -> None:
    with pytest.raises(DreambenchError, match="is neither a name nor a list of names"):
        dreambench.run("mini", **{option: names})


def test_compare_refuses_other_signatures(two, tmp_path: Path) -> None:
    one = {"dog": {0: [Image.new("RGB", (64, 64), "red")]}}
    other = dreambench.score(
        one, "mini", subjects=["dog"], prompts="0", images_per_prompt=1, out=tmp_path / "one", device="cpu"
    )
    with pytest.raises(DreambenchError, match="cells: "):
        dreambench.compare(two[0], other)


def test_report_writes_the_page_of_several(two, tmp_path: Path) -> None:
    page = dreambench.report(two[0], two[1].run.path, out=tmp_path / "report")
    assert page == tmp_path / "report" / "index.html"
    assert "plain" in page.read_text()


@pytest.mark.parametrize(
    "lines",
    [
        ("from dreambench import report", "import dreambench.report.numbers"),
        ("import dreambench.report.numbers", "from dreambench import report"),
    ],
)
def test_report_is_one_thing_in_whatever_order_it_is_imported(lines: tuple[str, str]) -> None:
    """The function and the package have one name: neither may hide the other."""
    checks = (
        "import dreambench, inspect",
        "assert report is dreambench.report",
        "assert list(inspect.signature(report).parameters) == ['runs', 'out', 'force']",
        "assert report.numbers.fixed(1.0) == '1.000'",
    )
    subprocess.run([sys.executable, "-c", "\n".join([*lines, *checks])], check=True)
