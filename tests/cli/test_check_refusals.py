"""What `dreambench check` refuses in one line: other signatures, partial runs, bad files and options."""

from __future__ import annotations

import json

import pytest

from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from tests.analysis.material import image_row, make_run, make_spec
from tests.cli.checked_runs import refused, rows, seed_run, tables


def test_another_signature_names_its_fields(baseline, tmp_path, command):
    spec = make_spec(protocol=ProtocolSpec(clip=ClipSpec(model="ViT-L-14"), caption="identifier"))
    run = seed_run(tmp_path / "run", 0, 0.0, spec=spec).path
    line = refused(command(run, "--baseline", baseline))
    assert "clip: ViT-L-14/openai, not ViT-B-32/openai" in line
    assert "clip-t: identifier, not no-identifier" in line


def test_a_run_that_is_not_complete_or_not_whole(baseline, tmp_path, command):
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
def test_a_bad_file_is_one_line(seeds, tmp_path, command, content, told):
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
def test_a_wrong_field_is_named(baseline, seeds, command, path, value):
    data = json.loads(baseline.read_text(encoding="utf-8"))
    part = data
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    baseline.write_text(json.dumps(data), encoding="utf-8")
    assert f"{baseline}: {'.'.join(path)}: " in refused(command(seeds[0], "--baseline", baseline))


def test_no_file_no_run_and_options_that_do_not_go_together(baseline, seeds, tmp_path, command):
    assert "none.json does not exist" in refused(command(seeds[0], "--baseline", tmp_path / "none.json"))
    assert "cannot be read" in refused(command(seeds[0], "--baseline", tmp_path))
    assert "is a folder" in refused(command(*seeds, "--baseline", tmp_path, "--update"))
    assert "no run" in refused(command(tmp_path / "none", "--baseline", baseline))
    assert "3 runs" in refused(command(*seeds, "--baseline", baseline))
    assert "--alpha" in refused(command(seeds[0], "--baseline", baseline, "--alpha", "0.1"))
    xml = tmp_path / "c.xml"
    assert "--junit" in refused(command(*seeds, "--baseline", baseline, "--update", "--junit", xml))
    assert "probability" in refused(command(*seeds, "--baseline", baseline, "--update", "--alpha", "2"))
