"""The page: what it shows, what it does not interpret, and that it asks nothing of anybody."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest

from dreambench.report import write_report
from dreambench.report.best_median_worst import chosen_rows
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, make_spec, two_subjects, two_subjects_tables
from tests.report.conftest import read_page

pytestmark = pytest.mark.slow

EVIL = '<script>alert(1)</script><img src="http://example.org/x" onerror=alert(2)> & "quotes"'


def test_every_image_and_photo_has_a_thumbnail_and_a_text(run: RunFolder) -> None:
    page = write_report([run], run.report_folder, quiet=True)
    images = read_page(page).all("img")
    # Three are shown on the first screen, each with a photo; paper has two strips of each subject.
    assert len(images) == 7 + 4 + 3 * 2 + 2 * 2
    assert all((page.parent / unquote(image["src"])).is_file() for image in images)
    assert sum(image.get("loading") == "lazy" for image in images) == 7 + 4
    assert all(image["alt"] for image in images)
    assert "ant: a sks dog, prompt 1, image 2" in {image["alt"] for image in images}


def test_images_link_to_the_full_ones_in_the_run(run: RunFolder) -> None:
    page = write_report([run], run.report_folder, quiet=True)
    links = read_page(page).all("a", "tile")
    assert len(links) == 7 + 3
    assert all((page.parent / unquote(link["href"])).resolve().is_file() for link in links)


def test_a_page_elsewhere_tells_no_path_of_this_machine(run: RunFolder, tmp_path: Path) -> None:
    page = write_report([run], tmp_path / "elsewhere", quiet=True)
    assert read_page(page).all("a", "tile") == []
    assert str(tmp_path) not in page.read_text(encoding="utf-8")


def test_the_first_screen_shows_the_best_the_median_and_the_worst(run: RunFolder) -> None:
    # DINO: 0.1 0.2 0.3 0.4 (ant), 0.6 0.7 0.8 (bee); the fourth of seven is the median
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "best DINO 0.800 bee: a sks dog, prompt 1" in document.words
    assert "median DINO 0.400 ant: a sks dog, prompt 1" in document.words
    assert "worst DINO 0.100 ant: a sks dog, prompt 0" in document.words
    assert "lowest DINO score of 7 images" in document.words


def test_the_rule_of_the_first_screen() -> None:
    def places(*scores: float) -> dict[str, int]:
        return chosen_rows(pd.DataFrame({"dino": scores}))

    assert places() == {}
    assert places(0.5) == {"best": 0}
    assert places(0.5, 0.7) == {"best": 1, "worst": 0}
    assert places(0.1, 0.4, 0.3, 0.2) == {"best": 1, "median": 2, "worst": 0}
    assert places(0.5, 0.7, 0.5, 0.7, 0.5) == {"best": 1, "median": 0, "worst": 4}


def test_numbers_signature_and_differences(run: RunFolder) -> None:
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "0.475" in document.words
    assert "0.850" in document.words
    assert "cells:" in document.words
    assert "The paper's Table 1 (not comparable)" in document.words
    assert "in images: a part of the benchmark, not all of it" in document.words


def test_prompts_with_kind_and_their_means(run: RunFolder) -> None:
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "a sks dog, prompt 0" in document.words
    assert "property modification" in document.words
    cells = [a for a in document.all("td", "num") if "data-metric" in a]
    assert [cell["data-metric"] for cell in cells] == ["DINO", "CLIP-T"] * 4
    assert re.search(r"prompt 0 0\.150 0\.075 ", document.words)  # ant: (0.1 + 0.2) / 2, and half of it
    assert re.search(r"prompt 1 missing 0\.800 0\.400", document.words)  # bee: one image of two


def test_what_is_missing_is_said(run: RunFolder) -> None:
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "Not complete (partial)" in document.words
    assert "7 of 8 images are scored." in document.words
    assert "Partly scored: bee (1 missing)." in document.words
    absent = document.all("span", "absent")
    assert [item["aria-label"] for item in absent] == ["bee: a sks dog, prompt 1, image 2: missing"]


def test_an_interrupted_run_names_subjects_without_images(tmp_path: Path) -> None:
    rows = [row for row in two_subjects() if row["subject"] == "ant"]
    run = make_run(tmp_path / "run", rows, pictures=True, status="interrupted", error="no space <left>")
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "Not complete (interrupted)" in document.words
    assert "No scored image yet: bee." in document.words
    assert "It stopped with: no space <left>" in document.words
    assert "No image of this subject has been scored yet." in document.words


def test_a_run_without_scores_has_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [], status="failed")
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "0 of 8 images are scored." in document.words


def test_a_complete_run_has_no_such_notice(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects()[:4], subjects=["ant"], pictures=True)
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert document.all("div", "notice") == []


def test_notes_are_a_banner(run: RunFolder) -> None:
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "Images are noise: randomly initialized test models." in document.words
    assert len(document.all("div", "notice")) == 2  # the note, and what is missing


def test_html_in_names_prompts_and_notes_is_inert(tmp_path: Path) -> None:
    name = EVIL.replace("/", "")  # a subject is a folder, which has no slash in its name
    rows = [image_row(name, 0, 0, (0.1, 0.2, 0.3), prompt=EVIL, kind=EVIL, file=None)]
    run = make_run(
        tmp_path / "run", rows, subjects=[name], notes=[EVIL], name=EVIL, error=EVIL, status="failed"
    )
    run.record = run.record.model_copy(update={"subjects": {name: EVIL}})
    page = write_report([run], run.report_folder, quiet=True)
    document = read_page(page)
    assert len(document.all("script")) == 1  # the page's own
    assert document.all("img") == []
    assert not any(key.startswith("on") for _, attributes in document.elements for key in attributes)
    assert document.words.count("<script>alert(1)</script>") >= 4


def test_the_page_asks_no_other_machine(run: RunFolder) -> None:
    page = write_report([run], run.report_folder, quiet=True)
    text = page.read_text(encoding="utf-8")
    assert "://" not in text
    assert re.search(r"url\((?!#)", text) is None  # a figure's clip path lies on the page itself
    assert "@import" not in text
    document = read_page(page)
    assert [tag for tag, _ in document.elements if tag in {"link", "iframe"}] == []
    assert document.all("script") == [{}]  # inside the page
    assert any("default-src 'none'" in meta.get("content", "") for meta in document.all("meta"))


def test_the_policy_allows_the_page_s_script_alone(run: RunFolder) -> None:
    text = write_report([run], run.report_folder, quiet=True).read_text(encoding="utf-8")
    script = text.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = text.split('Content-Security-Policy" content="')[1].split('"')[0]
    assert f"script-src 'sha256-{digest}';" in policy


def test_anchors_lead_somewhere_and_are_unique(run: RunFolder) -> None:
    document = read_page(write_report([run], run.report_folder, quiet=True))
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in document.all("a") if a.get("href", "").startswith("#")}
    assert targets <= set(ids)
    assert {"subject-0", "subject-1"} <= targets


def test_photos_that_are_gone_or_broken_are_told(run: RunFolder) -> None:
    gone, broken = (Path(run.record.photos["ant"][i]) for i in (0, 1))
    gone.unlink()
    broken.write_bytes(b"not an image")
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "2 files could not be shown" in document.words
    labels = [item["aria-label"] for item in document.all("span", "absent")]
    assert "Photo 00.png of ant: not found" in labels
    assert "Photo 01.png of ant: cannot be read" in labels
    assert "0.475" in document.words  # the scores stand


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    tables = two_subjects_tables()
    runs = [
        make_run(tmp_path / n, two_subjects(), pictures=True, tables=tables, notes=["said once"])
        for n in "ab"
    ]
    document = read_page(write_report(runs, tmp_path / "both", quiet=True))
    assert len(document.all("th", "run-head")) == 4  # 2 subjects x 2 runs
    assert len(document.all("img")) == 14 + 4 + 2 * 3 * 2 + 2 * 3 + 2 * 3
    # photos once; three per run on the first screen; a photo and two images a subject side by side; on paper
    # a strip of photos and one of each run
    assert document.words.count("said once") == 1
    assert len({image["src"] for image in document.all("img")}) == 18 + 6


def test_incomparable_runs_are_marked(tmp_path: Path) -> None:
    other = make_spec(protocol=ProtocolSpec(clip=ClipSpec(model="ViT-L-14")))
    runs = [make_run(tmp_path / "a", two_subjects()), make_run(tmp_path / "b", two_subjects(), spec=other)]
    document = read_page(write_report(runs, tmp_path / "both", force=True, quiet=True))
    assert "These runs are not comparable" in document.words
    assert "clip: ViT-B-32/openai, not ViT-L-14/openai (a against b)" in document.words


def test_the_miniature_is_not_set_beside_the_paper(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects(), spec=make_spec(preset="mini"))
    document = read_page(write_report([run], run.report_folder, quiet=True))
    assert "Table 1" not in document.words
    assert "0.668" not in document.words


def test_photos_without_a_score_have_no_row(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects())
    folder = write_report([run], tmp_path / "report", quiet=True).parent
    assert not [f.name for f in folder.iterdir() if f.is_file() and b"Real images" in f.read_bytes()]
