"""A gallery's contact sheets and pages, of a gallery made by hand: no model, no torch."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dreambench.dataset.prompt_sets import read_prompt_set
from dreambench.report import write_report
from dreambench.report.contact_sheet import CELL, GAP, MARGIN, ContactSheet, draw_contact_sheet, wrapped
from dreambench.report.gallery_page import contact_sheet, write_gallery_page, write_sheets
from dreambench.store import RunFolder
from dreambench.store.gallery_folder import GalleryFolder, GalleryRecord, GallerySubject
from tests.analysis.material import draw, make_run, make_spec, two_subjects
from tests.report.conftest import read_page

pytestmark = pytest.mark.slow

EVIL = "<script>alert(1)</script><img src=http://example.org/x onerror=alert(2)> & quotes"


def make_gallery(
    run: RunFolder, *, prompts: str = "novel-views", images: int = 1, drawn: bool = True, name: str = "ant"
) -> GalleryFolder:
    """Write a gallery of one subject, with two photos, into a run."""
    photos = [run.path.parent / "some-photos" / f"{number}.png" for number in range(2)]
    record = GalleryRecord(
        run=run.record.name,
        images_key=run.record.spec.images_key,
        preset=run.record.spec.preset,
        method="dreambooth",
        prompts=read_prompt_set(prompts),
        images=images,
        seed=0,
        subjects={
            name: GallerySubject(
                class_noun="dog",
                category="live",
                identifier="sks",
                called="dog",
                photos=[str(photo) for photo in photos],
            )
        },
    )
    gallery = GalleryFolder(run.galleries_folder / record.folder_name, record)
    for number, photo in enumerate(photos):
        draw(photo, number)
    for number, image in enumerate(gallery.images(name) if drawn else []):
        draw(image.file, number + 2)
    gallery.save_record(status="complete")
    return gallery


def sheet_of(rows: tuple[tuple[str, tuple[Path, ...]], ...], photos: tuple[Path, ...] = ()) -> Image.Image:
    return draw_contact_sheet(ContactSheet("title", "subtitle", photos, rows, ("small print",)))


def test_a_sheet_has_photos_at_the_left_and_each_prompt_s_images_in_a_line(tmp_path: Path) -> None:
    colors = {"photo": (200, 0, 0), "a": (0, 200, 0), "b": (0, 0, 200)}
    for name, color in colors.items():
        Image.new("RGB", (64, 64), color).save(tmp_path / f"{name}.png")
    photo, a, b = (tmp_path / f"{name}.png" for name in colors)
    image = sheet_of((("one", (a, a, a, a)), ("two", (b, b, b, b))), (photo,))

    def box(color: tuple[int, int, int]) -> tuple[int, int, int, int]:
        mask = Image.new("1", image.size)
        mask.putdata([pixel == color for pixel in image.getdata()])
        found = mask.getbbox()
        assert found is not None
        return found

    left, green, blue = (box(colors[name]) for name in ("photo", "a", "b"))
    assert left[0] == MARGIN
    assert left[2] < green[0]  # photos, then images
    assert green[2] - green[0] == 4 * CELL + 3 * GAP
    assert green[3] - green[1] == CELL
    assert (blue[0], blue[2]) == (green[0], green[2])
    assert blue[1] > green[3]  # the second prompt below the first
    assert image.width == green[2] + MARGIN


def test_single_images_stand_side_by_side_and_many_take_several_lines(tmp_path: Path) -> None:
    draw(tmp_path / "x.png", 0)
    file = tmp_path / "x.png"
    four, eight = sheet_of((("p", (file,)),) * 4), sheet_of((("p", (file,)),) * 8)
    assert four.height < eight.height < four.height + 2 * CELL
    assert sheet_of((("p", (file,) * 8),)).height == four.height + CELL + GAP


def test_a_missing_image_is_a_frame_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    image = sheet_of((("p", (tmp_path / "gone.png", tmp_path / "broken.png")),))
    assert image.getpixel((image.width // 2, image.height // 2)) is not None


def test_long_words_are_broken_and_nothing_is_lost() -> None:
    text = "a " + "x" * 300 + " dog"
    lines = wrapped(text, 15, 400)
    assert len(lines) > 4
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_what_stands_on_a_sheet(run: RunFolder) -> None:
    gallery = make_gallery(run)
    sheet = contact_sheet(gallery, "ant", gallery.record.prompts.groups[0])
    assert sheet.title == "ant: Novel views"
    assert sheet.subtitle == "dog · dreambooth · run my-run · 1 image each · seed 0"
    assert [prompt for prompt, _ in sheet.rows] == [
        f"a sks dog seen from the {side}" for side in ("top", "bottom", "side", "back")
    ]
    assert sheet.footer == (
        "Prompts: DreamBooth paper, section 4.4, figures 8 and 15. Images of a gallery are not scored.",
    )
    assert [file.name for file in write_sheets(gallery, "ant")] == ["novel-views.png"]


def test_the_miniature_s_mark_is_on_sheets_and_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects(), spec=make_spec(preset="mini"))
    gallery = make_gallery(run)
    sheet = contact_sheet(gallery, "ant", gallery.record.prompts.groups[0])
    assert sheet.footer[0].startswith("Preset mini. The miniature: drawn subjects")
    page = read_page(write_gallery_page(gallery))
    assert "never to be compared with the paper's numbers" in page.words


def test_a_gallery_in_part_is_shown_and_says_so(run: RunFolder) -> None:
    gallery = make_gallery(run, drawn=False)
    draw(gallery.images("ant")[2].file, 1)
    page = read_page(write_gallery_page(gallery))
    assert "3 images of this gallery are not made yet." in page.words
    assert len(page.all("img")) == 2 + 1
    assert "a sks dog seen from the top, image 1: missing" in page.all("span", "absent")[0]["aria-label"]
    report = read_page(write_report([run], run.report_folder, quiet=True))
    assert "3 images of this gallery are not made yet." in report.words


def test_galleries_of_several_runs_bear_the_runs_names(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, two_subjects(), pictures=True) for name in ("one", "two")]
    for run in runs:
        make_gallery(run)
    page = write_report(runs, tmp_path / "both", quiet=True)
    document = read_page(page)
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert document.words.count("Novel views") >= 4  # a title and a group for each run
    sources = {i["src"] for i in document.all("img") if "gallery-" in i["src"]}
    assert len(sources) == 8
    assert all((page.parent / source).is_file() for source in sources)
    ways_out = [a for a in document.all("a") if "galleries/" in a.get("href", "")]
    assert ways_out == []


def test_html_in_a_gallery_is_inert_in_the_report(run: RunFolder, tmp_path: Path) -> None:
    file = tmp_path / "evil.yaml"
    file.write_text(f"title: '{EVIL}'\nsource: '{EVIL}'\nprompts: ['{EVIL} {{identifier}} {{class_noun}}']\n")
    make_gallery(run, prompts=str(file))
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert document.words.count("<script>alert(1)</script>") >= 3
    assert len(document.all("script")) == 1
    assert not any(key.startswith("on") for _, attributes in document.elements for key in attributes)


def test_a_gallery_of_another_version_does_not_break_the_report(run: RunFolder) -> None:
    gallery = make_gallery(run)
    (gallery.path / "gallery.json").write_text('{"schema_version": 99}', encoding="utf-8")
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "Novel views" not in document.words


def test_the_browser_shows_galleries_and_asks_nobody(run: RunFolder) -> None:
    from tests.report.test_browser import opened

    gallery = make_gallery(run)
    write_sheets(gallery, "ant")
    with opened(write_gallery_page(gallery)) as tab:
        assert tab.locator(".gallery-prompts img").count() == 4
    with opened(write_report([run], run.report_folder, quiet=True)) as tab:
        assert tab.locator("#shown").inner_text() == "7 images"  # the explorer knows the scored ones alone
        assert tab.locator("#galleries .gallery-prompts img").count() == 4


@pytest.mark.parametrize("part", ["notes", "subjects"])
def test_what_does_not_change_images_does_not_change_the_folder_s_name(run: RunFolder, part: str) -> None:
    record = make_gallery(run).record
    other = {"notes": ["x"], "subjects": {}}[part]
    assert record.model_copy(update={part: other}).folder_name == record.folder_name
    assert record.model_copy(update={"seed": 1}).folder_name != record.folder_name


def test_a_run_that_goes_on_leaves_a_gallery_at_work_alone(run: RunFolder) -> None:
    from dreambench.store import locked_run

    at_work = make_gallery(run).path / ".ready.12345678.tmp"
    at_work.touch()
    (run.path / ".run.json.12345678.tmp").touch()
    with locked_run(run.path, run.record):
        pass
    assert at_work.exists()
    assert not (run.path / ".run.json.12345678.tmp").exists()
