"""`dreambench check --update`: what the baseline has, and which runs may not be in it."""

from __future__ import annotations

import json
import os

import pytest

from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from tests.analysis.material import make_spec
from tests.cli.checked_runs import SHIFTS, refused, seed_run


def test_the_file_holds_means_and_measured_noise(baseline, seeds):
    data = json.loads(baseline.read_text(encoding="utf-8"))
    assert list(data) == ["schema_version", "signature", "runs", "alpha", "metrics"]
    assert (data["runs"], data["alpha"]) == (["seed 0", "seed 1", "seed 2"], 0.001)
    assert list(data["metrics"]) == ["dino", "clip_i", "clip_t", "div"]
    dino = data["metrics"]["dino"]
    # Variances 1e-6 (ant) and 4e-6 (bee): pooled 2.5e-6; bee's own sd of 0.002 is larger.
    # Effective df: 2 * 5^2 / (1^2 + 4^2) = 2.941.
    assert dino["subjects"] == {
        "ant": {"mean": 0.4, "sd": pytest.approx(2.5e-6**0.5, abs=2e-9), "df": 2.941},
        "bee": {"mean": 0.6, "sd": pytest.approx(0.002, abs=2e-9), "df": 2.941},
    }
    # The means 0.4985, 0.5, 0.5015 differ by 0.0015, more than sqrt(2.5e-6 / 2) = 0.00112.
    assert dino["overall"] == {"mean": 0.5, "sd": pytest.approx(0.0015, abs=2e-9), "df": 2.941}


def test_order_changes_nothing_and_a_second_time_writes_the_same_bytes(baseline, seeds, command):
    before = baseline.read_bytes()
    assert command(*reversed(seeds), "--baseline", baseline, "--update").code == 0
    assert baseline.read_bytes() == before
    assert [p.name for p in baseline.parent.iterdir() if p.name.endswith(".tmp")] == []


def test_json_prints_the_file(baseline, seeds, command):
    done = command(*seeds, "--baseline", baseline, "--update", "--json")
    assert done.err.startswith("the baseline has 3 seeds, and with fewer than 8")
    assert done.out == baseline.read_text(encoding="utf-8")


def test_a_failed_write_keeps_the_old_file(baseline, seeds, command, monkeypatch):
    before = baseline.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "no space left" in refused(command(*seeds, "--baseline", baseline, "--update", "--alpha", "0.01"))
    assert baseline.read_bytes() == before


def test_one_run_or_a_seed_twice_is_refused(seeds, tmp_path, command):
    file = tmp_path / "new.json"
    assert "several runs" in refused(command(seeds[0], "--baseline", file, "--update"))
    twin = seed_run(tmp_path / "twin", 0, 0.0).path
    line = refused(command(*seeds, twin, "--baseline", file, "--update"))
    assert "both of seed 0" in line
    assert not file.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompts": "0-1", "image_size": 256}, "image_size: "),
        ({"protocol": ProtocolSpec(clip=ClipSpec(model="ViT-L-14"))}, "clip: "),
        ({"protocol": ProtocolSpec(metrics=("dino",))}, "protocol: its metrics"),
    ],
)
def test_runs_that_differ_in_more_than_their_seed_are_refused(seeds, tmp_path, command, changes, field):
    other = seed_run(tmp_path / "other", 3, 0.0, spec=make_spec(seed=3, **changes)).path
    file = tmp_path / "new.json"
    assert field in refused(command(*seeds, other, "--baseline", file, "--update"))
    assert not file.exists()


def test_images_made_elsewhere_are_told_apart_by_their_folder(tmp_path, command):
    runs = [
        seed_run(tmp_path / f"s{i}", 0, shift, kind="score", source=f"/images/seed-{i}").path
        for i, shift in enumerate(SHIFTS)
    ]
    file = tmp_path / "new.json"
    assert command(*runs, "--baseline", file, "--update").code == 0
    assert json.loads(file.read_text())["runs"] == ["images seed-0", "images seed-1", "images seed-2"]
