"""Runs side by side: cells chosen by rule and by hand, on the page, in its address, and as a sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dreambench.analysis import summarize
from dreambench.analysis.run_scores import RunScores, read_run_scores
from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.report import write_report
from dreambench.report.comparison import SharedCell, parse_cells, typical_cells
from dreambench.report.comparison_sheet import write_comparison
from dreambench.report.main_table import latex_table
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, two_subjects_tables
from tests.material.chromium import opened

PHONE = {"width": 360, "height": 780}


def rows(shift: float) -> list[dict[str, Any]]:
    """Return two subjects' images; of ant the one with the median DINO is prompt 1, image 0."""
    scores = {("ant", 0, 0): 0.1, ("ant", 0, 1): 0.5, ("ant", 1, 0): 0.3, ("bee", 0, 0): 0.4}
    return [
        image_row(subject, prompt, image, (dino + shift, 0.5, 0.25))
        for (subject, prompt, image), dino in scores.items()
    ]


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    names = {"one": 0.0, "two": 0.2, "three": 0.2}
    photos = {"photos": two_subjects_tables()["photos"]}
    return [make_run(tmp_path / n, rows(s), pictures=True, name=n, tables=photos) for n, s in names.items()]


@pytest.fixture
def scored(runs: list[RunFolder]) -> list[RunScores]:
    return read_run_scores(runs)


def page_of(runs: list[RunFolder], tmp_path: Path) -> Path:
    return write_report(runs, tmp_path / "report", quiet=True)


def test_each_subjects_cell_is_the_one_with_the_median_score(scored: list[RunScores]) -> None:
    assert typical_cells(scored) == [SharedCell("ant", 1, 0), SharedCell("bee", 0, 0)]
    assert typical_cells(scored, rows=1) == [SharedCell("ant", 1, 0)]


def test_a_cell_that_one_run_lacks_is_not_chosen(runs: list[RunFolder], tmp_path: Path) -> None:
    lacking = [image_row("bee", 0, 0, None), *[row for row in rows(0) if row["subject"] == "ant"]]
    less = make_run(tmp_path / "less", lacking, pictures=True, name="less")
    assert [cell.subject for cell in typical_cells(read_run_scores([*runs, less]))] == ["ant"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ant/1-9", "no run has such an image; did you mean 'ant/1-0'"),
        ("nobody", "does not name an image"),
        ("ant/x-0", "does not name an image"),
    ],
)
def test_a_cell_that_is_not_there_is_refused(scored: list[RunScores], text: str, told: str) -> None:
    assert parse_cells("bee/0-0, ant/0-1", scored) == [SharedCell("bee", 0, 0), SharedCell("ant", 0, 1)]
    with pytest.raises(DreambenchError, match=told):
        parse_cells(text, scored)


def test_the_best_value_of_each_column_is_bold_and_ties_alike(runs: list[RunFolder]) -> None:
    lines = {line.strip().split(" &")[0]: line for line in latex_table(summarize(runs, False)).splitlines()}
    # DINO is 0.350 and twice 0.550; CLIP-I and CLIP-T are equal.
    assert lines["one"].count(r"\textbf") == 2
    assert r"\textbf{0.550}" in lines["two"]
    assert r"\textbf{0.550}" in lines["three"]
    assert r"\textbf" not in lines["Real images"]
    (alone,) = [
        x for x in latex_table(summarize(runs[:1], False)).splitlines() if x.strip().startswith("one")
    ]
    assert r"\textbf" not in alone


class TestSheet:
    def test_has_a_photo_and_an_image_of_each_run(self, scored: list[RunScores], tmp_path: Path) -> None:
        write_comparison(scored, typical_cells(scored), tmp_path / "sheet.png", by_hand=False)
        sheet = Image.open(tmp_path / "sheet.png")
        longer = tmp_path / "longer.png"
        write_comparison(scored, parse_cells("ant/0-0,ant/0-1,bee/0-0", scored), longer, by_hand=True)
        assert Image.open(longer).width == sheet.width > 4 * 224
        assert Image.open(longer).height > sheet.height
        write_comparison(scored[:2], typical_cells(scored), tmp_path / "two.png", by_hand=False)
        assert Image.open(tmp_path / "two.png").width < sheet.width

    def test_by_the_command_as_a_page_of_pdf(
        self, runs: list[RunFolder], tmp_path: Path, capsys: Any
    ) -> None:
        file, out = tmp_path / "new" / "sheet.pdf", tmp_path / "out"
        words = ["report", *(str(run.path) for run in runs), "--out", str(out), "--compare-sheet", str(file)]
        assert call([*words, "--cells", "bee/0-0"]) == 0
        assert file.read_bytes().startswith(b"%PDF")
        assert f"comparison: {file}" in capsys.readouterr().err

    @pytest.mark.parametrize("more", [["--compare-sheet", "a.jpg"], ["--cells", "ant/0-0"]])
    def test_a_wrong_file_and_cells_alone_are_refused(self, more, runs: list[RunFolder], capsys: Any) -> None:
        assert call(["report", *(str(run.path) for run in runs), *more]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
class TestPage:
    def test_shows_each_run_beside_a_photo(self, runs: list[RunFolder], tmp_path: Path) -> None:
        with opened(page_of(runs, tmp_path)) as tab:
            heads = tab.locator("#compared thead th").all_inner_texts()
            assert heads == ["Photo", "one", "two", "three"]
            assert cells(tab) == ["ant/1-0", "bee/0-0"]
            row = " ".join(tab.locator("#compared tbody tr").first.inner_text().split())
            assert "DINO 0.300 · CLIP-T 0.250" in row
            assert "DINO 0.500 · CLIP-T 0.250" in row

    def test_one_run_has_nothing_to_compare(self, runs: list[RunFolder]) -> None:
        page = write_report(runs[:1], runs[0].report_folder, quiet=True).read_text()
        assert 'id="compared"' not in page
        assert 'id="closer-compare"' not in page

    def test_a_choice_by_hand_stays_in_the_address(self, runs: list[RunFolder], tmp_path: Path) -> None:
        page = page_of(runs, tmp_path)
        with opened(page) as tab:
            tab.locator("select[name=subject]").select_option("ant")
            tab.locator("#explorer select[name=run]").select_option("two")
            tab.locator(".grid .tile[data-key='two/ant/0-1']").click()
            tab.get_by_role("button", name="Compare").click()
            assert cells(tab) == ["ant/0-1", "ant/1-0", "bee/0-0"]
            address = tab.url
            # The same address in a new tab: the same filters, the same rows.
            again = tab.context.new_page()
            again.goto(address)
            assert cells(again) == ["ant/0-1", "ant/1-0", "bee/0-0"]
            assert again.locator("select[name=subject]").input_value() == "ant"
            assert again.locator("#explorer select[name=run]").input_value() == "two"
            assert again.locator("#shown").inner_text() == "3 images"
            again.get_by_role("button", name="Remove").click()
            assert cells(again) == ["ant/1-0", "bee/0-0"]
            assert "compare" not in again.url

    def test_the_dialog_walks_the_row_that_it_was_opened_from(
        self, runs: list[RunFolder], tmp_path: Path
    ) -> None:
        with opened(page_of(runs, tmp_path)) as tab:
            tab.locator("#compared td .tile").first.click()
            seen = []
            for _ in range(6):
                seen.append(tab.locator("#closer-facts").inner_text())
                tab.keyboard.press("ArrowRight")
            assert [("one" in x, "two" in x, "three" in x) for x in seen[:3]] == [
                (True, False, False), (False, True, False), (False, False, True),
            ]  # fmt: skip
            assert tab.get_by_role("button", name="Next").is_disabled()

    def test_a_filter_by_run_leaves_its_images(self, runs: list[RunFolder], tmp_path: Path) -> None:
        with opened(page_of(runs, tmp_path)) as tab:
            assert tab.locator("#shown").inner_text() == "12 images"
            tab.locator("#explorer select[name=run]").select_option("three")
            assert tab.locator("#shown").inner_text() == "4 images"
            heads = tab.locator(".grid").first.locator("thead th:not([hidden])").all_text_contents()
            assert heads == ["Prompt", "three"]
            tab.locator("select[name=sort]").select_option(label="DINO, highest first")
            assert tab.locator(".sorted-name").all_inner_texts()[0] == "ant, three"

    def test_fits_on_a_phone(self, runs: list[RunFolder], tmp_path: Path) -> None:
        with opened(page_of(runs, tmp_path), viewport=PHONE, is_mobile=True, has_touch=True) as tab:
            assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            for box in (tile.bounding_box() for tile in tab.locator("#compared td .tile").all()):
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= PHONE["width"]

    def test_a_heat_map_has_each_subject_and_prompt(self, runs: list[RunFolder], tmp_path: Path) -> None:
        with opened(page_of(runs, tmp_path)) as tab:
            heat = tab.locator("#heat")
            assert heat.locator("tbody tr").count() == 2
            fields = heat.locator("td[title]")
            assert [field.get_attribute("title") for field in fields.all()] == [
                "ant: a sks dog, prompt 0, DINO 0.300",
                "ant: a sks dog, prompt 1, DINO 0.300",
                "bee: a sks dog, prompt 0, DINO 0.400",
            ]
            # In words that hold in light and in dark colors: strong is dark in the one, light in the other.
            assert heat.locator("output").inner_text() == "faint 0.300, strong 0.400"
            heat.locator("select[name=run]").select_option("two")
            heat.locator("select[name=metric]").select_option(label="CLIP-T")
            assert fields.first.get_attribute("title") == "ant: a sks dog, prompt 0, CLIP-T 0.250"
            heat.get_by_role("link", name="bee").click()
            assert tab.url.endswith("#subject-1")

    def test_the_table_by_subject_is_sorted_by_its_heads(self, runs: list[RunFolder], tmp_path: Path) -> None:
        with opened(page_of(runs, tmp_path)) as tab:
            table = tab.locator("table.by-subject.sortable")
            first = table_rows(table)
            table.get_by_role("button", name="DINO").click()
            assert [row[2].split()[0] for row in table_rows(table)] == [
                "0.600", "0.600", "0.500", "0.500", "0.400", "0.300",
            ]  # fmt: skip
            assert [row[0].split()[0] for row in table_rows(table)] == [
                "bee",
                "bee",
                "ant",
                "ant",
                "bee",
                "ant",
            ]
            table.get_by_role("button", name="DINO").click()
            assert table_rows(table)[0][2].startswith("0.300")
            table.get_by_role("button", name="DINO").click()
            assert table_rows(table) == first


def table_rows(table: Any) -> list[list[str]]:
    return [row.locator("th, td").all_text_contents() for row in table.locator("tbody tr").all()]


def cells(tab: Any) -> list[str]:
    return [row.get_attribute("data-cell") for row in tab.locator("#compared tbody tr").all()]


def call(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


def test_a_file_called_missing_is_not_drawn_for_a_missing_image(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = read_run_scores([run])
    sheets = []
    for place in ("empty", "full"):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        if place == "full":
            Image.new("RGB", (64, 64), "red").save("missing", format="PNG")
        write_comparison(scored, parse_cells("bee/1-1", scored), tmp_path / f"{place}.png", by_hand=True)
        sheets.append((tmp_path / f"{place}.png").read_bytes())
    assert sheets[0] == sheets[1]
