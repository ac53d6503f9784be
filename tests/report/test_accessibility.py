"""axe-core finds nothing serious on the page: one run, several, one file; light, dark, on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.report import write_report, write_single_file
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, two_subjects, two_subjects_tables
from tests.material.accessibility import faults
from tests.material.chromium import opened

pytestmark = pytest.mark.slow

SCHEMES = ("light", "dark")


def full_run(folder: Path, **record: object) -> RunFolder:
    """Six subjects, 24 scored images: enough for the rules of the failure modes to judge."""
    names = ["ant", "bee", "cat", "dog", "elk", "fox"]
    rows = [
        image_row(name, prompt, image, (0.05 + 0.15 * i + image / 50, 0.5, 0.3 - 0.05 * (i == 5)))
        for i, name in enumerate(names)
        for prompt in range(2)
        for image in range(2)
    ]
    tables = {"photos": two_subjects_tables()["photos"]}
    return make_run(folder, rows, subjects=names, pictures=True, tables=tables, **record)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_run(tmp_path: Path, scheme: str) -> None:
    run = full_run(tmp_path / "run", notes=["A note."], status="partial")
    page = write_report([run], run.report_folder, quiet=True)
    with opened(page, bypass_csp=True, color_scheme=scheme) as tab:
        assert faults(tab) == []
        tab.locator("select[name=sort]").select_option(label="DINO, highest first")
        tab.locator(".sorted .tile").first.hover()
        assert faults(tab) == []
        tab.locator(".sorted .tile").first.click()
        tab.get_by_role("dialog").wait_for()
        assert faults(tab) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_several_runs_with_holes(tmp_path: Path, scheme: str) -> None:
    runs = [
        full_run(tmp_path / "a"),
        make_run(tmp_path / "b", two_subjects(), pictures=True, status="partial"),
    ]
    page = write_report(runs, tmp_path / "both", force=True, quiet=True)
    with opened(page, bypass_csp=True, color_scheme=scheme) as tab:
        assert faults(tab) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_file_on_a_phone(tmp_path: Path, scheme: str) -> None:
    page = write_single_file([full_run(tmp_path / "run")], tmp_path / "mailed.html", quiet=True)
    phone = {"width": 390, "height": 844}
    with opened(page, bypass_csp=True, color_scheme=scheme, viewport=phone, is_mobile=True) as tab:
        assert faults(tab) == []


def test_a_fault_would_be_found(tmp_path: Path) -> None:
    page = write_report([full_run(tmp_path / "run")], tmp_path / "out", quiet=True)
    with opened(page, bypass_csp=True) as tab:
        tab.evaluate("document.querySelector('.lead').style.color = '#ddd'")
        tab.evaluate("document.querySelector('main img').removeAttribute('alt')")
        tab.evaluate("document.querySelector('main .tile').removeAttribute('title')")
        found = " ".join(faults(tab))
    assert "color-contrast" in found
    assert "image-alt" in found or "button-name" in found
