"""Every published result has its form, and docs/published.md is what the command writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.literature import reported
from dreambench.literature.reported import conflicts, reported_results
from dreambench.report.reported_table import published_page

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "data" / "published").glob("*.yaml"))


def test_there_are_at_least_30_results_of_25_methods():
    results = reported_results()
    assert len(results) == len(FILES) >= 30
    assert len({each.title for each in results}) >= 25


@pytest.mark.parametrize("result", reported_results(), ids=lambda each: each.name)
def test_each_says_where_it_was_read_and_what_is_not_known(result):
    assert result.read_in
    assert result.unknown
    assert result.known or result.protocol is None
    assert set(result.inexact) <= set(result.values)


def test_conflicting_reports_are_both_there_and_flagged():
    by_name = {each.name: each for each in reported_results()}
    pairs = {
        "elite-unireal": "elite-subject-diffusion",
        "subject-diffusion-own": "subject-diffusion-dreamcache",
        "omnigen-uno": "omnigen-kosmos-g-script",
        "dreambooth-bk-sdm": "dreambooth-bk-sdm-user",
    }
    for one, other in pairs.items():
        assert [each.name for each in conflicts(by_name[one])] == [other]
        assert [each.name for each in conflicts(by_name[other])] == [one]
    assert conflicts(by_name["jedi"]) == []


def test_the_page_is_generated():
    assert (ROOT / "docs" / "published.md").read_text(encoding="utf-8") == published_page()


def test_a_page_below_the_current_folder_is_named_from_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["published", "--page", str(tmp_path / "page.md"), "--json"])
    assert capsys.readouterr().err.strip() == "page: page.md"


def test_json_has_every_field(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["published", "--json"])
    assert ended.value.code == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert len(results) == len(FILES)
    omnigen = next(each for each in results if each["name"] == "omnigen-kosmos-g-script")
    assert omnigen["inexact"] == ["dino"]
    assert omnigen["conflicts"] == ["omnigen-uno"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method: X\nread_in: a table\nunknown: [all]\nvalues: {dino: 67.1}\n", "values are cosines"),
        (
            "method: X\nread_in: a table\nunknown: [all]\nvalues: {dino: 0.6}\nprotocol: unos\n",
            "known protocols",
        ),
        ("method: X\nread_in: a table\nvalues: {dino: 0.6}\n", "unknown: Field required"),
        ("- 1\n", "the file"),
    ],
)
def test_a_wrong_entry_names_its_file_and_field(tmp_path, monkeypatch, text, message):
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "x.yaml").write_text(text)
    monkeypatch.setattr(reported, "data_folder", lambda: tmp_path)
    reported_results.cache_clear()
    try:
        with pytest.raises(DreambenchError, match=rf"x\.yaml: .*{message}|x\.yaml: {message}"):
            reported_results()
    finally:
        reported_results.cache_clear()
