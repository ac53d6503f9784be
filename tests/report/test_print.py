"""The page on paper: each subject's photos and the first image of each prompt, and no more."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from dreambench.analysis import read_run_scores
from dreambench.paths import data_folder
from dreambench.report import write_report, write_single_file
from dreambench.report.pictures import Album
from dreambench.report.print_strips import COLUMNS, GAP, SIDE, print_strips, strip, strips_in_files
from dreambench.report.subject_grids import subject_grids
from dreambench.report.thumbnails import make_thumbnails
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, make_spec
from tests.material.chromium import opened
from tests.report.conftest import read_page

pytestmark = pytest.mark.slow

RED, BLUE = (200, 0, 0), (0, 0, 200)


def color(sheet: Image.Image, place: int) -> tuple[int, ...]:
    side = sheet.height
    pixel = sheet.getpixel((place * (side + GAP) + side // 2, side // 2))
    return tuple(round(value / 100) * 100 for value in pixel)  # type: ignore[union-attr]


def printed(tab: Any) -> bytes:
    return bytes(tab.pdf(format="A4"))


def test_a_strip_has_its_pictures_side_by_side_and_grey_for_one_that_is_missing() -> None:
    red, blue = (Image.new("RGB", (300, 200), c) for c in (RED, BLUE))
    sheet = Image.open(io.BytesIO(strip([red, None, blue])))
    assert (sheet.format, sheet.mode) == ("JPEG", "RGB")
    assert sheet.size == (COLUMNS * (SIDE + GAP) - GAP, SIDE)
    assert [color(sheet, i) for i in range(4)] == [RED, (200, 200, 200), BLUE, (300, 300, 300)]


def test_small_pictures_are_not_enlarged() -> None:
    sheet = Image.open(io.BytesIO(strip([Image.new("RGB", (64, 64), RED), Image.new("RGB", (32, 32), BLUE)])))
    assert sheet.size == (COLUMNS * (64 + GAP) - GAP, 64)


def test_the_first_image_of_each_prompt_with_its_mean(run: RunFolder) -> None:
    (run.path / "images" / "ant" / "00-0.png").unlink()
    scored, out = read_run_scores([run]), run.report_folder
    grids = subject_grids(scored, Album(make_thumbnails(scored, out, quiet=True), out))
    strips = print_strips(grids, ["run"], out, strips_in_files(out))
    assert list(strips) == ["ant", "bee"]
    photos, images = strips["ant"]
    assert [cell.picture.title for cell in photos.cells] == ["00.png", "01.png"]
    # The first image of prompt 0 is gone: the second stands for it. The means are over all images.
    assert [(cell.index, cell.picture.prompt, cell.picture.number, cell.means) for cell in images.cells] == [
        ("0", "a sks dog, prompt 0", "2", ("0.150", "0.075")),
        ("1", "a sks dog, prompt 1", "1", ("0.350", "0.175")),
    ]
    sheet = Image.open(out / unquote(images.href))
    assert sheet.size == (COLUMNS * (SIDE + GAP) - GAP, SIDE)


def test_a_strip_follows_its_images(run: RunFolder) -> None:
    page = write_report([run], run.report_folder, quiet=True)
    strips = list(page.parent.rglob("print/*/*.jpg"))
    before = {file: file.read_bytes() for file in strips}
    assert len(strips) == 4
    Image.new("RGB", (200, 160), "white").save(run.path / "images" / "ant" / "00-0.png")
    write_report([run], run.report_folder, quiet=True)
    changed = [file for file in strips if file.read_bytes() != before[file]]
    assert [file.relative_to(page.parent).as_posix() for file in changed] == ["thumbs/print/ant/01.jpg"]


def test_paper_says_what_it_shows_and_shows_no_grid(run: RunFolder) -> None:
    with opened(write_report([run], run.report_folder, quiet=True)) as tab:
        assert tab.locator(".printed:visible").count() == 0
        assert tab.locator(".grid .tile img:visible").count() == 7
        tab.emulate_media(media="print")
        assert tab.locator(".printed:visible").count() == 4
        assert tab.locator(".grid .tile:visible, .photos .tile:visible").count() == 0
        words = tab.locator("main").inner_text()
        assert "the first image of each prompt" in words
        assert "The page in a browser shows all images" in words
        assert "click to enlarge it" not in words
        assert "1 a sks dog, prompt 1" in words


@pytest.mark.parametrize("alone", [False, True])
def test_every_strip_is_in_the_pdf_as_the_jpeg_that_it_is(run: RunFolder, alone: bool) -> None:
    """Printed at once, without a scroll: a picture that waits for being seen would be left out."""
    if alone:
        page = write_single_file([run], run.path / "report.html", quiet=True)
    else:
        page = write_report([run], run.report_folder, quiet=True)
    with opened(page) as tab:
        content = printed(tab)
    assert content.startswith(b"%PDF")
    assert content.count(b"/DCTDecode") == 4


def test_two_runs_are_printed_with_their_names(run: RunFolder, tmp_path: Path) -> None:
    row = image_row("ant", 0, 0, (0.1, 0.2, 0.3)) | {"prompt": "a <subject>, prompt 0"}
    other = make_run(tmp_path / "other", [row], subjects=["ant"], pictures=True)
    document = read_page(write_report([run, other], tmp_path / "both", force=True, quiet=True))
    assert [image["alt"] for image in document.all("img") if "thumbs/print/ant" in image["src"]] == [
        "Photos of ant",
        "ant: prompts 0 to 0",  # what both runs have
        "ant: prompts 0 to 0",
    ]
    # Each run's own name of the subject.
    printed = [
        text for text in ("0 a sks dog, prompt 0", "0 a <subject>, prompt 0") if text in document.words
    ]
    assert len(printed) == 2
    names = [text for text in document.words.split() if text in {"my-run", "other"}]
    assert {"my-run", "other"} <= set(names)


def test_thirty_subjects_take_less_than_five_megabytes(tmp_path: Path) -> None:
    """The strips of one subject of the benchmark's size, drawn of the miniature's photos, thirty times."""
    rows = [image_row("ant", prompt, 0, (0.5, 0.5, 0.3)) for prompt in range(25)]
    run = make_run(tmp_path / "run", rows, spec=make_spec(prompts="all"), subjects=["ant"], pictures=True)
    sources = sorted((data_folder() / "mini" / "photos").rglob("*.png"))
    for number, row in enumerate(rows):
        with Image.open(sources[5 * number]) as photo:
            photo.resize((256, 256)).save(run.path / str(row["file"]))
    page = write_report([run], run.report_folder, quiet=True)
    strips = list(page.parent.rglob("print/*/*.jpg"))
    assert len(strips) == 1 + 5
    # Beside the strips, the page of a whole run takes less than 1.5 MB of a PDF.
    assert 30 * sum(file.stat().st_size for file in strips) < 3_500_000
