"""Runs and photos that were moved, and files that were lost: what is still shown, and what is said."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from dreambench.store import RunFolder
from tests.analysis.material import make_run


def _lose(run: RunFolder, what: str) -> None:
    files = {
        "an image": run.path / "images/ant/00-0.png",
        "a photo": Path(run.record.photos["ant"][0]),
    }
    files[what].unlink()


@pytest.mark.parametrize("what", ["an image", "a photo"])
def test_what_cannot_be_shown_is_said(dreambench, run: RunFolder, what: str) -> None:
    _lose(run, what)
    done = dreambench("report", str(run.path), "--json")
    assert done.code == 0
    assert "1 files cannot be shown" in done.err
    assert "1 file could not be shown" in (run.report_folder / "index.html").read_text()


def test_a_cut_image_is_said(dreambench, run: RunFolder) -> None:
    assert dreambench("report", str(run.path), "--json").code == 0
    os.truncate(run.path / "images/ant/00-0.png", 60)  # its thumbnail is older than this
    done = dreambench("report", str(run.path), "--json")
    assert (done.code, "1 files cannot be shown" in done.err) == (0, True)


PLACES = [
    "moved",
    "my results/with spaces",
    "r\u00e9sultats \u7d50\u679c",
    'it\'s "quoted" & <odd>',
    "%41#?x=1",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_was_moved_still_reports(dreambench, run: RunFolder, tmp_path: Path, place: str) -> None:
    before = dreambench("report", str(run.path), "--json").out
    moved = tmp_path / place / "run"
    moved.parent.mkdir(parents=True)
    shutil.move(run.path, moved)
    after = dreambench("report", str(moved), "--json")
    assert (after.code, json.loads(after.out)) == (0, json.loads(before))
    assert "cannot be shown" not in after.err
    assert (moved / "report" / "index.html").is_file()


def test_a_run_through_a_link_reports(dreambench, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run.path, target_is_directory=True)
    assert dreambench("report", str(tmp_path / "link"), "--json").code == 0


class TestPhotosThatHaveMoved:
    @pytest.fixture
    def mug(self, own, tmp_path: Path) -> RunFolder:
        """A run of a user's own subject, whose dataset then moves."""
        from dreambench.dataset import load_dataset
        from dreambench.spec.run_spec import DataSpec
        from tests.analysis.material import image_row, make_spec

        folder = own("subject,class_noun\nmug,mug\n", "mug")
        dataset = load_dataset(folder)
        data = DataSpec(folder=str(folder), label=dataset.label, fingerprint=dataset.fingerprint)
        photos = {"mug": [str(photo.path) for photo in dataset["mug"].photos]}
        rows = [image_row("mug", p, i, (0.5, 0.5, 0.5)) for p in (0, 1) for i in (0, 1)]
        run = make_run(
            tmp_path / "run", rows, spec=make_spec(data=data), subjects=["mug"], pictures=True, photos=photos
        )
        shutil.move(folder, tmp_path / "elsewhere")
        return run

    def test_they_are_asked_for(self, dreambench, mug: RunFolder) -> None:
        done = dreambench("report", str(mug.path), "--json")
        assert done.code == 0
        assert "2 photos are not at their place" in done.err
        assert "--data" in done.err

    def test_and_found_in_the_folder_that_is_named(self, dreambench, mug, tmp_path: Path) -> None:
        done = dreambench("report", str(mug.path), "--json", "--data", str(tmp_path / "elsewhere"))
        assert done.code == 0
        assert "cannot be shown" not in done.err
        assert "not at their place" not in done.err

    def test_other_photos_are_refused(self, refused, mug, tmp_path: Path) -> None:
        other = tmp_path / "elsewhere" / "mug" / "0.png"
        other.write_bytes((tmp_path / "elsewhere" / "mug" / "1.png").read_bytes())
        line = refused("report", str(mug.path), "--data", str(tmp_path / "elsewhere"))
        assert "is not the dataset of" in line
