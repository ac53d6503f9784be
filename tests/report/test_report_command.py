"""`dreambench report`: what goes to stdout, where the page goes, and which run is meant by none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dreambench.cli.report_command import latest_run, report
from dreambench.cli.run_command import show
from dreambench.errors import DreambenchError
from dreambench.report.write import default_folder
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from dreambench.store import RunFolder
from tests.analysis.material import make_run, make_spec, two_subjects


def test_json_is_all_that_is_on_stdout(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    report([run.path], out=None, json=True, force=False)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["n_images"] == 7
    assert str(run.report_folder / "index.html") in printed.err
    assert (run.report_folder / "index.html").is_file()


def test_tables_and_the_whole_signature_on_stdout(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    report([run.path], out=None, json=False, force=False)
    printed = capsys.readouterr()
    assert "0.475" in printed.out
    signature = json.loads((run.report_folder / "report.json").read_text(encoding="utf-8"))["signature"]
    assert f"signature {signature}\n" in printed.out
    assert "not complete (partial)" in printed.err
    assert "Images are noise" in printed.err


def test_out_is_where_the_report_goes(run: RunFolder, tmp_path: Path) -> None:
    report([run.path], out=tmp_path / "there", json=True, force=False)
    assert (tmp_path / "there" / "index.html").is_file()
    assert not run.report_folder.exists()


@pytest.mark.parametrize("name", ["table.csv", "index.html", "report.json", "0-0.png", "run.json"])
def test_a_folder_of_other_files_is_refused_as_it_is(run: RunFolder, tmp_path: Path, name: str) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / name).write_text("{}", encoding="utf-8")
    said = "contains a run" if name == "run.json" else "is not empty and contains no report"
    with pytest.raises(DreambenchError, match=rf"own {said}; give another --out, such as .*own.report"):
        report([run.path], out=own, json=True, compare_sheet=tmp_path / "sheet.png")
    assert {file.name: file.read_text() for file in own.iterdir()} == {name: "{}"}
    assert not (tmp_path / "sheet.png").exists()


def test_a_report_is_written_again_where_it_was_and_not_into_another_run(run: RunFolder, tmp_path: Path):
    for _ in range(2):
        report([run.path], out=tmp_path / "there", json=True)
    other = make_run(tmp_path / "other", two_subjects())
    (other.path / "report.json").write_text('{"signature": ""}', encoding="utf-8")
    for folder in (run.path, other.path):
        with pytest.raises(DreambenchError, match="contains a run"):
            report([run.path], out=folder, json=True)
    (tmp_path / "stopped" / "thumbs").mkdir(parents=True)
    report([run.path], out=tmp_path / "stopped", json=True)  # after its first pictures


def test_the_latest_run_is_meant_by_none(tmp_path: Path) -> None:
    for name, updated in (("a", "2024-01-02"), ("b", "2024-03-01"), ("c", "2023-12-31")):
        make_run(tmp_path / name, [], updated=f"{updated}T00:00:00+00:00")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{", encoding="utf-8")
    assert latest_run(tmp_path).name == "b"
    make_run(tmp_path / "scored", two_subjects(), updated="2020-01-01T00:00:00+00:00")
    assert latest_run(tmp_path).name == "scored"  # the others have nothing to report


def test_no_run_at_all_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match="no run in"):
        latest_run(tmp_path)


def test_several_runs_go_beside_them(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, []) for name in ("a", "b")]
    assert default_folder(runs) == Path("results/report-a-b")
    assert default_folder(runs[:1]) == tmp_path / "a" / "report"


def test_several_runs_of_one_command_report_into_its_out(tmp_path: Path, capsys) -> None:
    runs = [make_run(tmp_path / name, two_subjects()) for name in ("a", "b")]
    show(runs, json=True, out=tmp_path)
    assert (tmp_path / "report" / "index.html").is_file()
    assert f"report: {tmp_path / 'report' / 'index.html'}" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DreambenchError, match=r"no run\.json"):
        report([tmp_path], out=None, json=True, force=False)


def test_other_signatures_need_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_spec(protocol=ProtocolSpec(clip=ClipSpec(model="ViT-L-14")))
    make_run(tmp_path / "a", two_subjects())
    make_run(tmp_path / "b", two_subjects(), spec=other)
    paths = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(DreambenchError, match="clip: "):
        report(paths, out=tmp_path / "out", json=True, force=False)
    report(paths, out=tmp_path / "out", json=True, force=True)
    assert json.loads(capsys.readouterr().out)["incomparable"]


def test_a_run_of_another_protocol_is_refused(run: RunFolder, tmp_path: Path) -> None:
    report([run.path], out=tmp_path / "same", json=True, force=False, protocol="paper")
    assert (tmp_path / "same" / "index.html").is_file()
    with pytest.raises(DreambenchError, match="is not of protocol mini: clip: ViT-B-32"):
        report([run.path], out=tmp_path / "other", json=True, force=False, protocol="mini")
    assert not (tmp_path / "other").exists()
