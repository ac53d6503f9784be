"""`dreambench check` from the outside: exit codes, what is printed, what is refused, what is written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dreambench.cli import main
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, make_spec

# Not two_subjects(): that run misses an image. Seeds move ant by 0.001, bee by 0.002 in every score.
SHIFTS = (-0.001, 0.0, 0.001)
LEVELS = {"ant": 0.4, "bee": 0.6}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run `dreambench check` in this process."""

    def run(*words: object) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(["check", *map(str, words)])
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def refused(done: Done) -> str:
    """Return the one line of a refusal: exit code 2, nothing on stdout, no traceback."""
    assert (done.code, done.out) == (2, ""), done
    assert done.err.count("\n") == 1, done.err
    return done.err


def rows(moves: dict[str, float], dino: dict[str, float] | None = None) -> list[dict[str, Any]]:
    """Return whole images: each subject's level and move, and a further move of its DINO alone."""
    further = dino or {}
    return [
        image_row(name, prompt, image, (score + further.get(name, 0.0), score, score / 2))
        for name, level in LEVELS.items()
        for score in [level + moves.get(name, 0.0)]
        for prompt in range(2)
        for image in range(2)
    ]


def tables(div: float = 0.3) -> dict[str, list[dict[str, Any]]]:
    """Return a diversity table of one value everywhere."""
    keys = [(name, prompt) for name in LEVELS for prompt in range(2)]
    return {
        "diversity": [{"subject": n, "prompt_index": p, "pair": "0-1", "lpips": div} for n, p in keys],
    }


def seed_run(folder: Path, seed: int, shift: float, **changes: Any) -> RunFolder:
    """Write one complete run of a seed."""
    dino = changes.pop("dino", None)
    fields = {"spec": make_spec(seed=seed), "tables": tables(), **changes}
    return make_run(folder, rows({"ant": shift, "bee": 2 * shift}, dino), **fields)


@pytest.fixture
def seeds(tmp_path: Path) -> list[Path]:
    """Three complete runs that differ in their seed only."""
    return [seed_run(tmp_path / f"seed{i}", i, shift).path for i, shift in enumerate(SHIFTS)]


@pytest.fixture
def baseline(tmp_path: Path, seeds: list[Path], command: Callable[..., Done]) -> Path:
    """The baseline of the three runs."""
    file = tmp_path / "baseline.json"
    assert command(*seeds, "--baseline", file, "--update").code == 0
    return file


def check_json(
    command: Callable[..., Done], run: Path, file: Path, *words: str
) -> tuple[int, dict[str, Any]]:
    done = command(run, "--baseline", file, "--json", *words)
    assert done.out, done.err
    return done.code, json.loads(done.out)


class TestUpdate:
    def test_the_file_holds_means_and_measured_noise(self, baseline, seeds):
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

    def test_order_changes_nothing_and_a_second_time_writes_the_same_bytes(self, baseline, seeds, command):
        before = baseline.read_bytes()
        assert command(*reversed(seeds), "--baseline", baseline, "--update").code == 0
        assert baseline.read_bytes() == before
        assert [p.name for p in baseline.parent.iterdir() if p.name.endswith(".tmp")] == []

    def test_json_prints_the_file(self, baseline, seeds, command):
        done = command(*seeds, "--baseline", baseline, "--update", "--json")
        assert done.out == baseline.read_text(encoding="utf-8")

    def test_a_failed_write_keeps_the_old_file(self, baseline, seeds, command, monkeypatch):
        before = baseline.read_bytes()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        assert "no space left" in refused(
            command(*seeds, "--baseline", baseline, "--update", "--alpha", "0.01")
        )
        assert baseline.read_bytes() == before

    def test_one_run_or_a_seed_twice_is_refused(self, seeds, tmp_path, command):
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
    def test_runs_that_differ_in_more_than_their_seed_are_refused(
        self, seeds, tmp_path, command, changes, field
    ):
        other = seed_run(tmp_path / "other", 3, 0.0, spec=make_spec(seed=3, **changes)).path
        file = tmp_path / "new.json"
        assert field in refused(command(*seeds, other, "--baseline", file, "--update"))
        assert not file.exists()

    def test_images_made_elsewhere_are_told_apart_by_their_folder(self, tmp_path, command):
        runs = [
            seed_run(tmp_path / f"s{i}", 0, shift, kind="score", source=f"/images/seed-{i}").path
            for i, shift in enumerate(SHIFTS)
        ]
        file = tmp_path / "new.json"
        assert command(*runs, "--baseline", file, "--update").code == 0
        assert json.loads(file.read_text())["runs"] == ["images seed-0", "images seed-1", "images seed-2"]


class TestCheck:
    def test_the_baselines_own_runs_pass(self, baseline, seeds, command):
        for run in seeds:
            code, data = check_json(command, run, baseline)
            assert (code, data["ok"]) == (0, True)

    def test_every_field_and_hand_derived_tolerances(self, baseline, seeds, command):
        _, data = check_json(command, seeds[1], baseline)
        assert list(data) == ["signature", "baseline", "ok", "comparisons", "remedy"]
        assert data["baseline"] == str(baseline)
        assert [(c["metric"], c["subject"]) for c in data["comparisons"]] == [
            (metric, subject)
            for metric in ("dino", "clip_i", "clip_t", "div")
            for subject in (None, "ant", "bee")
        ]
        for one in data["comparisons"]:
            names = [
                "metric",
                "subject",
                "value",
                "expected",
                "tolerance",
                "difference",
                "moved",
                "direction",
                "blind",
            ]
            assert list(one) == names
        div = [c for c in data["comparisons"] if c["metric"] == "div"]
        assert [c["tolerance"] for c in div] == [1e-4] * 3  # seeds do not move it: the floor

    def test_a_planted_shift_fails_and_says_where_and_whither(self, baseline, tmp_path, command):
        run = seed_run(tmp_path / "run", 9, 0.0, tables=tables(div=0.2)).path
        code, data = check_json(command, run, baseline)
        moved = [c for c in data["comparisons"] if c["moved"]]
        assert (code, data["ok"]) == (1, False)
        assert {c["metric"] for c in moved} == {"div"}
        assert {c["direction"] for c in moved} == {"worse"}
        assert moved[0]["difference"] == pytest.approx(-0.1)
        shown = command(run, "--baseline", baseline)
        assert shown.code == 1
        assert "regression: 3 of 12 comparisons moved" in shown.out
        assert "moved, worse" in shown.out
        assert f"signature {data['signature']}\n" in shown.out

    def test_a_better_score_fails_unless_allowed(self, baseline, tmp_path, command):
        run = seed_run(tmp_path / "run", 9, 0.0, tables=tables(div=0.4)).path
        assert check_json(command, run, baseline)[0] == 1
        code, data = check_json(command, run, baseline, "--allow-better")
        assert (code, data["ok"]) == (0, True)
        assert {c["direction"] for c in data["comparisons"] if c["moved"]} == {"better"}

    def test_noise_that_hides_a_change_is_refused_and_cannot_tell(self, baseline, tmp_path, command):
        noisy = [seed_run(tmp_path / f"n{i}", i, 20 * d).path for i, d in enumerate(SHIFTS)]
        file = tmp_path / "noisy.json"
        line = refused(command(*noisy, "--baseline", file, "--update"))
        assert "wider than a tenth of its range" in line
        assert re.search(r"about \d+ seeds of these 2 subjects", line)
        assert not file.exists()
        # A baseline that was written before it was refused: another method's score is not "ok" by it.
        data = json.loads(baseline.read_text(encoding="utf-8"))
        data["metrics"]["dino"]["overall"]["sd"] = 0.1
        file.write_text(json.dumps(data), encoding="utf-8")
        run = seed_run(tmp_path / "run", 9, 0.0, dino={"ant": 0.001}).path
        code, found = check_json(command, run, file)
        assert (code, found["ok"], "seeds" in found["remedy"]) == (1, False, True)
        xml = tmp_path / "c.xml"
        shown = command(run, "--baseline", file, "--junit", xml)
        assert (shown.code, "cannot tell: DINO" in shown.out) == (1, True)
        failures = [f.get("type") for f in ElementTree.parse(xml).iter("failure")]
        assert failures == ["cannot tell"]

    def test_a_metric_without_numbers_in_the_baseline_is_told(self, baseline, seeds, command):
        data = json.loads(baseline.read_text())
        del data["metrics"]["div"]
        baseline.write_text(json.dumps(data))
        done = command(seeds[0], "--baseline", baseline)
        assert (done.code, "div: not checked" in done.err) == (0, True)


class TestJunit:
    def test_one_case_per_comparison(self, baseline, tmp_path, command):
        run = seed_run(tmp_path / "run", 9, 0.0, tables=tables(div=0.2)).path
        file = tmp_path / "out" / "check.xml"
        assert command(run, "--baseline", baseline, "--junit", file).code == 1
        top = ElementTree.parse(file).getroot()
        suite = top.find("testsuite")
        assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("12", "3", "0")
        cases = suite.findall("testcase")
        assert [c.get("name") for c in cases[:3]] == ["mean over subjects", "ant", "bee"]
        failed = [c for c in cases if c.find("failure") is not None]
        assert {c.get("classname") for c in failed} == {"dreambench.div"}
        message = failed[0].find("failure").get("message")
        assert message == "DIV: 0.2000, expected 0.3000 +/- 0.0001: worse by 0.1000"

    def test_a_name_that_xml_cannot_hold_still_parses(self, tmp_path, command, monkeypatch):
        odd = 'a<b>&"\x07'
        monkeypatch.setitem(LEVELS, odd, 0.5)
        names = list(LEVELS)
        runs = [seed_run(tmp_path / f"s{i}", i, d, subjects=names).path for i, d in enumerate(SHIFTS)]
        file, xml = tmp_path / "b.json", tmp_path / "c.xml"
        assert command(*runs, "--baseline", file, "--update").code == 0
        assert command(runs[0], "--baseline", file, "--junit", xml).code == 0
        named = [case.get("name") for case in ElementTree.parse(xml).iter("testcase")]
        assert 'a<b>&"\N{REPLACEMENT CHARACTER}' in named


class TestRefusals:
    def test_another_signature_names_its_fields(self, baseline, tmp_path, command):
        spec = make_spec(protocol=ProtocolSpec(clip=ClipSpec(model="ViT-L-14"), caption="identifier"))
        run = seed_run(tmp_path / "run", 0, 0.0, spec=spec).path
        line = refused(command(run, "--baseline", baseline))
        assert "clip: ViT-L-14/openai, not ViT-B-32/openai" in line
        assert "clip-t: identifier, not no-identifier" in line

    def test_a_run_that_is_not_complete_or_not_whole(self, baseline, tmp_path, command):
        partial = seed_run(tmp_path / "partial", 0, 0.0, status="partial").path
        assert "not complete (partial)" in refused(command(partial, "--baseline", baseline))
        whole = rows({})
        gap = make_run(tmp_path / "gap", [*whole[:-1], image_row("bee", 1, 1, None)], tables=tables()).path
        assert "1 of its images" in refused(command(gap, "--baseline", baseline))
        no_div = make_run(tmp_path / "no-div", whole).path
        assert "lacks div" in refused(command(no_div, "--baseline", baseline))
        some = {"diversity": tables()["diversity"][:2]}
        half = make_run(tmp_path / "half", whole, tables=some).path
        assert "div is missing for bee" in refused(command(half, "--baseline", baseline))

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "is empty"),
            ("{", "JSON"),
            ("[]", "object"),
            ("{}", "signature"),
            ('{"schema_version": 2}', "schema_version"),
        ],
    )
    def test_a_bad_file_is_one_line(self, seeds, tmp_path, command, content, told):
        file = tmp_path / "bad.json"
        file.write_text(content, encoding="utf-8")
        line = refused(command(seeds[0], "--baseline", file))
        assert str(file) in line
        assert told in line
        assert "--update" in line

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("alpha",), 0),
            (("signature",), "no signature"),
            (("runs",), ["seed 0"]),
            (("metrics",), {}),
            (("metrics", "dino", "overall", "sd"), -1),
            (("metrics", "dino", "overall", "mean"), float("nan")),
            (("metrics", "dino", "subjects", "bee", "df"), "many"),
            (("metrics", "dino", "subjects"), {}),
            (("metrics", "dino", "unknown"), 1),
        ],
    )
    def test_a_wrong_field_is_named(self, baseline, seeds, command, path, value):
        data = json.loads(baseline.read_text(encoding="utf-8"))
        part = data
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value
        baseline.write_text(json.dumps(data), encoding="utf-8")
        assert f"{baseline}: {'.'.join(path)}: " in refused(command(seeds[0], "--baseline", baseline))

    def test_no_file_no_run_and_options_that_do_not_go_together(self, baseline, seeds, tmp_path, command):
        assert "none.json does not exist" in refused(command(seeds[0], "--baseline", tmp_path / "none.json"))
        assert "cannot be read" in refused(command(seeds[0], "--baseline", tmp_path))
        assert "is a folder" in refused(command(*seeds, "--baseline", tmp_path, "--update"))
        assert "no run" in refused(command(tmp_path / "none", "--baseline", baseline))
        assert "3 runs" in refused(command(*seeds, "--baseline", baseline))
        assert "--alpha" in refused(command(seeds[0], "--baseline", baseline, "--alpha", "0.1"))
        xml = tmp_path / "c.xml"
        assert "--junit" in refused(command(*seeds, "--baseline", baseline, "--update", "--junit", xml))
        assert "probability" in refused(command(*seeds, "--baseline", baseline, "--update", "--alpha", "2"))
