"""The report in one file: nothing lies beside it, nothing is asked for, and it is light enough to mail."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dreambench.cli.report_command import report
from dreambench.errors import DreambenchError
from dreambench.report import write_report, write_single_file
from dreambench.report.single_file import SIDES, side_for
from dreambench.store import RunFolder
from tests.analysis.material import make_run, two_subjects, two_subjects_tables
from tests.material.chromium import opened, until
from tests.report.conftest import read_page

pytestmark = pytest.mark.slow


def alone(run: RunFolder, folder: Path) -> Path:
    """Write the file and move it where nothing else is."""
    file = write_single_file([run], run.path / "report.html", quiet=True)
    folder.mkdir()
    return file.rename(folder / "mailed.html")


def addresses(page: Path) -> list[str]:
    document = read_page(page)
    found = [a[key] for _, a in document.elements for key in ("src", "href", "srcset", "data") if key in a]
    return [address for address in found if not address.startswith("#")]


def test_every_address_carries_its_content(run: RunFolder, tmp_path: Path) -> None:
    page = alone(run, tmp_path / "empty")
    assert all(address.startswith("data:") for address in addresses(page))
    assert len(read_page(page).all("img")) == 7 + 4 + 3 * 2 + 2 * 2
    assert "://" not in page.read_text(encoding="utf-8")
    assert str(tmp_path) not in page.read_text(encoding="utf-8")


def test_its_tables_are_those_of_the_folder(run: RunFolder, tmp_path: Path) -> None:
    links = [a for a in read_page(alone(run, tmp_path / "empty")).all("a") if "download" in a]
    folder = write_report([run], tmp_path / "folder", quiet=True).parent
    assert {a["download"] for a in links} == {f.name for f in folder.iterdir()} - {"index.html", "thumbs"}
    for link in links:
        content = base64.b64decode(link["href"].split("base64,")[1])
        assert content == (folder / link["download"]).read_bytes()


def test_the_policy_lets_no_picture_come_from_elsewhere(run: RunFolder, tmp_path: Path) -> None:
    policy = next(
        a["content"] for a in read_page(alone(run, tmp_path / "empty")).all("meta") if "http-equiv" in a
    )
    assert "img-src data:;" in policy
    assert "default-src 'none'" in policy


def test_opens_alone_filters_and_enlarges(run: RunFolder, tmp_path: Path) -> None:
    asked: list[str] = []
    with opened(alone(run, tmp_path / "empty")) as tab:
        tab.on("request", lambda request: asked.append(request.url))
        until(tab, "document.querySelector('.telling img').naturalWidth === 200")
        tab.locator("select[name=subject]").select_option("bee")
        assert tab.locator("#shown").inner_text() == "3 images"
        tab.locator("select[name=sort]").select_option(label="DINO, highest first")
        tab.locator(".sorted .tile").first.click()
        text = tab.get_by_role("dialog").inner_text()
        assert "0.800" in text
        until(tab, "document.querySelector('#closer-image img').naturalWidth === 200")
        until(tab, "document.querySelector('#closer-photo img').naturalWidth === 200")
        assert not tab.get_by_role("link", name="Open the image").is_visible()
    assert all(url.startswith(("data:image/webp", "data:image/jpeg")) for url in asked)


def test_its_tables_can_be_saved(run: RunFolder, tmp_path: Path) -> None:
    with opened(alone(run, tmp_path / "empty")) as tab:
        assert saved(tab, "table.md").startswith("|")
        assert "ruiz2023dreambooth" in saved(tab, "dreambooth.bib")


def saved(tab: Any, name: str) -> str:
    with tab.expect_download() as waiting:
        tab.get_by_role("link", name=name).click()
    assert waiting.value.suggested_filename == name
    return Path(waiting.value.path()).read_text(encoding="utf-8")


def test_several_runs_in_one_file(tmp_path: Path) -> None:
    tables = two_subjects_tables()
    runs = [make_run(tmp_path / n, two_subjects(), pictures=True, tables=tables) for n in "ab"]
    page = write_single_file(runs, tmp_path / "both.html", quiet=True)
    assert all(address.startswith("data:") for address in addresses(page))
    with opened(page) as tab:
        # The runs' pictures are equal byte for byte; each still opens its own entry.
        tab.locator(".telling-strip").nth(1).locator(".tile").first.click()
        facts = tab.locator("#closer-facts")
        assert "b" in facts.locator("div", has_text="Run").locator("dd").inner_text()


def test_what_is_missing_is_said_there_too(run: RunFolder, tmp_path: Path) -> None:
    (run.path / "images" / "ant" / "00-0.png").unlink()
    words = read_page(alone(run, tmp_path / "empty")).words
    assert "7 of 8 images are scored." in words
    assert "1 file could not be shown" in words


def test_pictures_shrink_until_they_fit(tmp_path: Path) -> None:
    sources = []
    for number in range(10):
        sources.append(tmp_path / f"{number}.png")
        Image.effect_noise((300, 300), 80).convert("RGB").save(sources[-1])
    sizes = [side_for(sources, limit) for limit in (10**9, 60_000, 20_000, 1)]
    assert sizes[0] == SIDES[0]
    assert sizes == sorted(sizes, reverse=True)
    assert SIDES[0] > sizes[1] > SIDES[-1]
    assert sizes[-1] == SIDES[-1]
    assert side_for([]) == SIDES[0]
    assert side_for([tmp_path / "gone.png"]) == SIDES[0]


def test_the_command_says_where_and_how_large(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report([run.path], json=True, single_file=True)
    assert f"report: {run.path / 'report.html'} (0." in capsys.readouterr().err
    assert not run.report_folder.exists()
    report([run.path], out=tmp_path / "x" / "mine.html", json=True, single_file=True)
    report([run.path], out=tmp_path / "y", json=True, single_file=True)
    assert [f.name for f in (tmp_path / "x").iterdir()] == ["mine.html"]
    assert [f.name for f in (tmp_path / "y").iterdir()] == ["report.html"]
    with pytest.raises(DreambenchError, match="names a page, not a folder"):
        report([run.path], out=tmp_path / "z.html", json=True)
