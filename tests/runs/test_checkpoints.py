"""``run --checkpoints``: a run stopped at several steps has the weights that the whole training has there."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
import pytest
from safetensors.torch import load_file

import dreambench
from dreambench.errors import DreambenchError
from dreambench.paths import data_folder
from dreambench.report import write_report
from dreambench.runs.run import run
from dreambench.store import open_run

pytestmark = pytest.mark.slow

ASKED = {"subjects": ["dog"], "prompts": "0,1", "images_per_prompt": 1, "metrics": ["dino", "clip_t"]}
SMALL = {
    "method.class_images": 2,
    "method.class_sampler.steps": 1,
    "sampler.steps": 1,
    "runtime.precision": "fp32",
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Return the folders of three runs of one training, with their weights kept."""
    top = tmp_path_factory.mktemp("checkpoints")
    asked = {**ASKED, "overrides": {**SMALL, "method.steps": 3}}
    return run("mini", checkpoints=[1, 2, 3], out=top, keep_checkpoints=True, **asked)


def test_each_checkpoint_is_a_run_of_its_own(stopped):
    assert [each.path.name.rpartition("-")[2] for each in stopped] == ["step1", "step2", "step3"]
    assert [each.record.spec.method.training_steps() for each in stopped] == [1, 2, 3]
    losses = [pd.read_csv(each.path / "logs" / "dog-loss.csv") for each in stopped]
    for shorter, longer in pairwise(losses):
        pd.testing.assert_frame_equal(shorter, longer.iloc[: len(shorter)])


def test_a_checkpoint_is_the_run_with_so_many_steps(stopped, tmp_path):
    asked = {**ASKED, "overrides": {**SMALL, "method.steps": 2}}
    (alone,) = run("mini", out=tmp_path / "alone", keep_checkpoints=True, **asked)
    assert alone.record.key == stopped[1].record.key
    ours, theirs = (
        sorted((each.path / "checkpoints").rglob("*.safetensors")) for each in (alone, stopped[1])
    )
    assert ours
    for one, other in zip(ours, theirs, strict=True):
        left, right = load_file(one), load_file(other)
        assert all((left[name] == right[name]).all() for name in left)
    pd.testing.assert_frame_equal(
        dreambench.load(alone.path).images.drop(columns="file"),
        dreambench.load(stopped[1].path).images.drop(columns="file"),
    )


def test_the_page_draws_the_training_as_a_line(stopped, tmp_path):
    written = write_report(
        [open_run(each.path) for each in stopped], tmp_path / "report", force=True, quiet=True
    )
    page = (tmp_path / "report" / "index.html").read_text()
    assert written
    assert "Along training" in page
    figure = page[page.index("along-training") :]
    assert all(f">{step}</text>" in figure for step in (1, 2, 3))


@pytest.mark.parametrize(("method", "steps"), [("dreambooth", 81), ("dreambooth", 0), ("pretrained", 1)])
def test_steps_that_the_training_does_not_take_are_refused(method, steps, tmp_path):
    with pytest.raises(DreambenchError, match=rf"--checkpoints {steps}: {method} trains \d+ steps"):
        run("mini", method=method, checkpoints=[steps], out=tmp_path / "out", **ASKED)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "values"), [("seed", [0, 1, 0]), ("checkpoints", [2, 2]), ("preset", ["mini", "mini"])]
)
def test_what_is_named_twice_is_refused(name, values, tmp_path):
    given = {"preset": "mini", name: values}
    with pytest.raises(DreambenchError, match=rf"^--{name}: .* is named twice; name each of them once"):
        run(out=tmp_path / "out", **given, **ASKED)
    assert not (tmp_path / "out").exists()


def test_two_presets_that_draw_the_same_images_are_refused(tmp_path):
    mini = (data_folder() / "presets" / "mini.yaml").read_text()
    files = [tmp_path / folder / "own.yaml" for folder in ("a", "b")]
    for file, protocol in zip(files, ("mini", "kosmos-g@mini"), strict=True):
        file.parent.mkdir()
        file.write_text(mini.replace("protocol: mini", f"protocol: {protocol}"))
    with pytest.raises(DreambenchError, match="two of the runs draw the same images"):
        run(list(map(str, files)), out=tmp_path / "out", subjects=["dog"])
    assert not (tmp_path / "out").exists()
