"""The page in a real browser, from disk: silent, asks nobody, filters, sorts and enlarges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dreambench.report import write_report
from dreambench.store import RunFolder
from tests.analysis.material import embedded_run, image_row, make_run
from tests.material.chromium import opened, until

pytestmark = pytest.mark.slow

EVIL = '"><script>document.title = "owned"</script><img src=x onerror="document.title = 1">'
PHONE = {"width": 360, "height": 780}


def report_of(run: RunFolder) -> Path:
    return write_report([run], run.report_folder, quiet=True)


def shown_scores(tab: Any) -> list[str]:
    return tab.locator(".sorted-score").all_inner_texts()


def test_filters_and_sorts(run: RunFolder) -> None:
    with opened(report_of(run)) as tab:
        count = tab.locator("#shown")
        assert count.inner_text() == "7 images"
        tab.locator("select[name=subject]").select_option("bee")
        assert count.inner_text() == "3 images"
        assert tab.locator(".subject:not([hidden]) h3").all_text_contents() == ["bee dog, live"]
        tab.locator("select[name=kind]").select_option("recontextualization")
        assert count.inner_text() == "2 images"
        tab.locator("select[name=sort]").select_option(label="DINO, highest first")
        assert shown_scores(tab) == ["0.700", "0.600"]
        tab.get_by_role("button", name="Reset").click()
        count.filter(has_text="7 images").wait_for()
        tab.locator("select[name=sort]").select_option(label="CLIP-T, lowest first")
        assert shown_scores(tab) == ["0.050", "0.100", "0.150", "0.200", "0.300", "0.350", "0.400"]


def test_a_way_to_a_subject_leads_there_though_it_is_filtered_away(run: RunFolder) -> None:
    with opened(report_of(run)) as tab:
        tab.locator("select[name=subject]").select_option("bee")
        tab.locator(".contents").get_by_role("link", name="ant").click()
        assert tab.locator("#subject-0").is_visible()


def test_enlarges_by_click_with_scores_prompt_and_seed(run: RunFolder) -> None:
    with opened(report_of(run)) as tab:
        tab.get_by_role("button", name="bee: a sks dog, prompt 1, image 1").last.click()
        dialog = tab.get_by_role("dialog")
        text = " ".join(dialog.inner_text().split())
        for part in ("a sks dog, prompt 1", "DINO 0.800", "CLIP-I 0.900", "CLIP-T 0.400", "Seed 1000"):
            assert part in text
        image = dialog.get_by_alt_text("bee: a sks dog, prompt 1, image 1")
        until(tab, "document.querySelector('#closer-image img').naturalWidth === 200")
        assert image.get_attribute("src") == "../images/bee/01-0.png"  # the full one
        assert dialog.get_by_role("button", name="Next").is_disabled()  # it is the last
        dialog.get_by_role("button", name="Close").click()
        assert dialog.count() == 0


def test_the_photo_beside_an_image_is_the_nearest_one(tmp_path: Path) -> None:
    run = embedded_run(tmp_path / "run", {0: 40, 1: 10}, (0, 30))
    with opened(report_of(run)) as tab:
        for number, nearest in enumerate((1, 0)):
            tab.locator(".grid .tile[data-number]").nth(number).click()
            photo = tab.locator("#closer-photo img")
            assert (
                photo.get_attribute("alt") == f"Photo {Path(run.record.photos['ant'][nearest]).name} of ant"
            )
            assert "nearest photo" in tab.locator("#closer-photo").inner_text()
            tab.keyboard.press("Escape")


def test_enlarges_by_keyboard_and_gives_the_focus_back(run: RunFolder) -> None:
    with opened(report_of(run)) as tab:
        tab.locator("select[name=sort]").select_option(label="DINO, lowest first")
        tab.locator(".sorted .tile").first.focus()
        tab.keyboard.press("Enter")
        facts = tab.locator("#closer-facts")
        assert "0.100" in facts.inner_text()
        tab.keyboard.press("ArrowRight")
        assert "0.200" in facts.inner_text()
        tab.keyboard.press("ArrowLeft")
        tab.keyboard.press("ArrowLeft")  # there is nothing before the first
        assert "0.100" in facts.inner_text()
        tab.keyboard.press("Escape")
        assert tab.get_by_role("dialog").count() == 0
        assert tab.evaluate("document.activeElement.matches('.sorted .tile')")


def test_a_page_elsewhere_enlarges_its_thumbnails(run: RunFolder, tmp_path: Path) -> None:
    with opened(write_report([run], tmp_path / "elsewhere", quiet=True)) as tab:
        tab.locator(".telling .tile[data-number]").first.focus()
        tab.keyboard.press("Space")
        until(tab, "document.querySelector('#closer-image img').naturalWidth === 128")
        assert not tab.get_by_role("link", name="Open the image").is_visible()


def test_without_scripts_everything_is_shown(run: RunFolder) -> None:
    with opened(report_of(run), java_script_enabled=False) as tab:
        assert not tab.locator("#explorer").is_visible()
        assert tab.locator(".grid .tile img:visible").count() == 7
        assert tab.locator("[role=button]").count() == 0


def test_fits_on_a_phone(run: RunFolder) -> None:
    with opened(report_of(run), viewport=PHONE, is_mobile=True, has_touch=True) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        tab.locator(".grid .tile[data-number]").first.tap()
        box = tab.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]


def test_html_in_names_and_prompts_is_inert(tmp_path: Path) -> None:
    name = EVIL.replace("/", "")
    rows = [
        image_row(name, 0, 0, (0.1, 0.2, 0.3), prompt=EVIL, kind=EVIL, file="images/a.png"),
        image_row("ant", 0, 0, (0.2, 0.2, 0.3)),
    ]
    run = make_run(tmp_path / "run", rows, subjects=[name, "ant"], pictures=True, notes=[EVIL], name=EVIL)
    with opened(report_of(run)) as tab:
        title = tab.title()
        tab.locator("select[name=kind]").select_option(EVIL)
        tab.locator("select[name=sort]").select_option(label="DINO, lowest first")
        assert shown_scores(tab) == ["0.100"]
        tab.locator(".sorted .tile").first.click()
        assert tab.locator("#closer-prompt").inner_text() == EVIL
        assert tab.title() == title
        assert tab.locator("img[onerror]").count() == 0
