"""`dreambench check` from the outside: exit codes, what is printed, what is written."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from tests.cli.checked_runs import LEVELS, SHIFTS, check_json, refused, seed_run, tables


def test_the_baselines_own_runs_pass(baseline, seeds, command):
    for run in seeds:
        code, data = check_json(command, run, baseline)
        assert (code, data["ok"]) == (0, True)


def test_every_field_and_hand_derived_tolerances(baseline, seeds, command):
    _, data = check_json(command, seeds[1], baseline)
    assert list(data) == ["signature", "baseline", "ok", "comparisons", "remedy", "caution"]
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


def test_a_planted_shift_fails_and_says_where_and_whither(baseline, tmp_path, command):
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
    assert data["caution"].startswith(
        "the baseline has 3 seeds, and with fewer than 8 unchanged code may fail"
    )
    assert data["caution"] in " ".join(shown.out.split())


def test_enough_seeds_need_no_caution(tmp_path, command):
    shifts = [SHIFTS[i % 3] + i * 1e-5 for i in range(8)]
    runs = [seed_run(tmp_path / f"s{i}", i, shift).path for i, shift in enumerate(shifts)]
    file, xml = tmp_path / "b.json", tmp_path / "c.xml"
    assert command(*runs, "--baseline", file, "--update").err == ""
    moved = seed_run(tmp_path / "run", 9, 0.0, tables=tables(div=0.2)).path
    code, data = check_json(command, moved, file)
    assert (code, data["caution"]) == (1, None)
    shown = command(moved, "--baseline", file, "--junit", xml)
    assert "unchanged code" not in shown.out + xml.read_text()


def test_what_has_not_moved_needs_no_caution(baseline, seeds, command):
    assert check_json(command, seeds[0], baseline)[1]["caution"] is None


def test_a_better_score_fails_unless_allowed(baseline, tmp_path, command):
    run = seed_run(tmp_path / "run", 9, 0.0, tables=tables(div=0.4)).path
    assert check_json(command, run, baseline)[0] == 1
    code, data = check_json(command, run, baseline, "--allow-better")
    assert (code, data["ok"]) == (0, True)
    assert {c["direction"] for c in data["comparisons"] if c["moved"]} == {"better"}


def test_noise_that_hides_a_change_is_refused_and_cannot_tell(baseline, tmp_path, command):
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


def test_a_metric_without_numbers_in_the_baseline_is_told(baseline, seeds, command):
    data = json.loads(baseline.read_text())
    del data["metrics"]["div"]
    baseline.write_text(json.dumps(data))
    done = command(seeds[0], "--baseline", baseline)
    assert (done.code, "div: not checked" in done.err) == (0, True)


def test_one_case_per_comparison(baseline, tmp_path, command):
    run = seed_run(tmp_path / "run", 9, 0.0, tables=tables(div=0.2)).path
    file = tmp_path / "out" / "check.xml"
    assert command(run, "--baseline", baseline, "--junit", file).code == 1
    top = ElementTree.parse(file).getroot()
    suite = top.find("testsuite")
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert "the baseline has 3 seeds" in properties["caution"]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("12", "3", "0")
    cases = suite.findall("testcase")
    assert [c.get("name") for c in cases[:3]] == ["mean over subjects", "ant", "bee"]
    failed = [c for c in cases if c.find("failure") is not None]
    assert {c.get("classname") for c in failed} == {"dreambench.div"}
    message = failed[0].find("failure").get("message")
    assert message == "DIV: 0.2000, expected 0.3000 +/- 0.0001: worse by 0.1000"


def test_a_name_that_xml_cannot_hold_still_parses(tmp_path, command, monkeypatch):
    odd = 'a<b>&"\x07'
    monkeypatch.setitem(LEVELS, odd, 0.5)
    names = list(LEVELS)
    runs = [seed_run(tmp_path / f"s{i}", i, d, subjects=names).path for i, d in enumerate(SHIFTS)]
    file, xml = tmp_path / "b.json", tmp_path / "c.xml"
    assert command(*runs, "--baseline", file, "--update").code == 0
    assert command(runs[0], "--baseline", file, "--junit", xml).code == 0
    named = [case.get("name") for case in ElementTree.parse(xml).iter("testcase")]
    assert 'a<b>&"\N{REPLACEMENT CHARACTER}' in named
