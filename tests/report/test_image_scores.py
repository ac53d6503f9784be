"""The table of every image's scores, and the entry to cite the paper by."""

from __future__ import annotations

import pandas as pd

from dreambench.report import write_report
from dreambench.store import RunFolder


def test_both_files_hold_every_image_with_full_precision(run: RunFolder) -> None:
    folder = write_report([run], run.report_folder, quiet=True).parent
    table = pd.read_parquet(folder / "images.parquet")
    assert len(table) == 8
    assert table["run"].unique().tolist() == ["my-run"]
    last = table.iloc[-1]
    assert (last["subject"], last["prompt_index"], last["image_index"], last["seed"]) == ("bee", 1, 1, 1001)
    assert pd.isna(last["dino"])
    assert pd.isna(last["file"])
    assert table["dino"].dropna().tolist() == [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8]
    assert table["file"][0] == "images/ant/00-0.png"
    written = pd.read_csv(folder / "images.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)


def test_the_paper_can_be_cited(run: RunFolder) -> None:
    page = write_report([run], run.report_folder, quiet=True)
    entry = (page.parent / "dreambooth.bib").read_text()
    assert entry.startswith("@inproceedings{ruiz2023dreambooth,")
    assert entry.count("{") == entry.count("}")
    assert "@inproceedings" in page.read_text(encoding="utf-8")
