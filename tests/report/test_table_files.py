"""The tables as files: Markdown, LaTeX, CSV, JSON, and on a terminal."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from dreambench.analysis import summarize
from dreambench.analysis.paired import mean_interval
from dreambench.cli.report_command import report
from dreambench.errors import DreambenchError
from dreambench.report import terminal_table, write_report
from dreambench.report.main_table import latex_table, markdown_table
from dreambench.report.numbers import ABSENT, MINUS, fixed, interval, signed
from dreambench.report.table import TableCell, table, to_terminal
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec
from dreambench.store import RunFolder
from tests.analysis.material import (
    image_row,
    make_run,
    make_spec,
    make_whole_run,
    two_subjects,
    two_subjects_tables,
)

pytestmark = pytest.mark.slow


def _write(run: RunFolder) -> Path:
    return write_report([run], run.report_folder, quiet=True).parent


def test_markdown(run: RunFolder) -> None:
    lines = (_write(run) / "table.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| Method | DINO ↑ | CLIP-I ↑ | CLIP-T ↑ | DIV ↑ | Images |"
    assert lines[2].startswith("| Real images | 0.850 |")
    assert lines[3].startswith("| my-run | 0.475 |")
    assert lines[3].endswith("| 0.450 | 7 |")
    signature = next(line for line in lines if line.startswith("Signature: `dreambench:"))
    # The images are a part of the benchmark: the paper's rows stand below, with the reason.
    apart = lines[lines.index(signature) :]
    assert "in images: a part of the benchmark, not all of it" in apart[2]
    assert "| DreamBooth (Stable Diffusion), paper | 0.668 | 0.803 | 0.305 | – |  |" in apart  # noqa: RUF001
    assert len({line.count("|") for line in lines[:4]}) == 1


def test_markdown_names_cannot_break_the_table(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects(), name="a|b\n*c*")
    line = (_write(run) / "table.md").read_text(encoding="utf-8").splitlines()[2]
    assert line.startswith(r"| a\|b \*c\* |")


def test_latex_is_booktabs_and_escaped(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run", two_subjects(), tables=two_subjects_tables(), name=r"50%_of & \more{} #1 $x$"
    )
    text = (_write(run) / "table.tex").read_text(encoding="utf-8")
    assert r"50\%\_of \& \textbackslash{}more\{\} \#1 \$x\$ & 0.475 &" in text
    for command in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{lrrrrr}"):
        assert command in text
    assert r"vit\_small\_patch16\_224.dino" in text
    assert text.isascii()


def test_rows_csv_has_full_precision(run: RunFolder) -> None:
    rows = list(csv.DictReader((_write(run) / "table.csv").open(encoding="utf-8")))
    assert [row["method"] for row in rows] == ["real", "my-run"]
    assert float(rows[1]["dino"]) == pytest.approx(0.475, abs=1e-12)
    assert (rows[0]["dino_paper"], rows[1]["dino_paper"]) == ("", "")
    assert rows[1]["pres"] == rows[0]["clip_t"] == ""


def test_the_papers_rows_stand_in_the_table_of_the_whole_benchmark(tmp_path: Path) -> None:
    run = make_whole_run(tmp_path / "run")
    summary = summarize([run])
    text = markdown_table(summary)
    assert "| Real images | 0.850 [0.850, 0.850] (paper 0.774, +0.076) |" in text
    assert "| DreamBooth (Stable Diffusion), paper | 0.668 | 0.803 | 0.305 |  |" in text
    assert "not comparable" not in text
    latex = latex_table(summary)
    assert r"DreamBooth (Stable Diffusion), paper & 0.668 & 0.803 & 0.305 &  \\" in latex
    printed = _printed(run)
    assert "paper 0.774" in printed
    assert "+0.076" in printed


def test_scores_by_another_encoder_stand_apart_from_the_papers(tmp_path: Path) -> None:
    protocol = ProtocolSpec(clip=ClipSpec(model="ViT-L-14"))
    run = make_whole_run(tmp_path / "run", spec={"protocol": protocol})
    text = markdown_table(summarize([run]))
    assert "(paper " not in text
    assert "clip: ViT-L-14/openai, not ViT-B-32/openai" in text


def test_every_format_has_the_interval_of_four_subjects(tmp_path: Path) -> None:
    rows = [
        image_row(name, 0, i, (v, 0.5, 0.3))
        for name, v in zip("abcd", (0.2, 0.4, 0.5, 0.9), strict=True)
        for i in (0, 1)
    ]
    run = make_run(tmp_path / "run", rows, subjects="abcd")
    out, found = _write(run), mean_interval([0.2, 0.4, 0.5, 0.9])
    assert found is not None
    low, high = found
    text = interval(found)
    assert f"| run | 0.500 {text} |" in (out / "table.md").read_text(encoding="utf-8")
    latex = text.replace(MINUS, "$-$")
    assert f"run & 0.500 {{\\scriptsize {latex}}} &" in (out / "table.tex").read_text(encoding="utf-8")
    assert f'<span class="ci">{text}</span>' in (out / "index.html").read_text(encoding="utf-8")
    line = list(csv.DictReader((out / "table.csv").open(encoding="utf-8")))[1]
    assert (float(line["dino_low"]), float(line["dino_high"])) == (low, high)
    assert text.strip("[]").replace(", ", ABSENT) in _printed(run)


def test_subjects_csv(run: RunFolder) -> None:
    rows = list(csv.DictReader((_write(run) / "subjects.csv").open(encoding="utf-8")))
    assert [(r["run"], r["subject"], r["n_images"], r["unscored"]) for r in rows] == [
        ("my-run", "ant", "4", "0"),
        ("my-run", "bee", "3", "1"),
    ]
    assert float(rows[1]["dino"]) == pytest.approx(0.7)
    assert float(rows[1]["real_dino"]) == pytest.approx(0.9)
    assert rows[0]["pres"] == ""


def test_report_json_is_the_summary(run: RunFolder) -> None:
    written = json.loads((_write(run) / "report.json").read_text(encoding="utf-8"))
    assert written == json.loads(summarize([run]).model_dump_json())


def test_files_are_the_same_when_written_again(run: RunFolder) -> None:
    names = ("index.html", "table.md", "table.tex", "table.csv", "subjects.csv", "report.json")

    def written() -> dict[str, bytes]:
        folder = _write(run)
        return {name: (folder / name).read_bytes() for name in names}

    assert written() == written()


def test_refused_runs_write_nothing(tmp_path: Path) -> None:
    other = make_spec(protocol=ProtocolSpec(clip=ClipSpec(model="ViT-L-14")))
    runs = [make_run(tmp_path / "a", two_subjects()), make_run(tmp_path / "b", two_subjects(), spec=other)]
    with pytest.raises(DreambenchError, match="clip: ViT-B-32/openai, not ViT-L-14/openai"):
        write_report(runs, tmp_path / "both", quiet=True)
    assert not (tmp_path / "both").exists()


def _printed(run: RunFolder, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal_table(summarize([run])))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_terminal_tables_fit_80_columns_with_all_five_metrics(tmp_path: Path) -> None:
    protocol = ProtocolSpec(metrics=("dino", "clip_i", "clip_t", "div", "pres"))
    prior = [
        {"subject": s, "image_index": 0, "file": "x", "pres": p} for s, p in (("ant", 0.1), ("bee", 0.3))
    ]
    run = make_run(
        tmp_path / "run",
        two_subjects(),
        spec=make_spec(protocol=protocol),
        tables={**two_subjects_tables(), "prior": prior},
    )
    text = _printed(run)
    assert all(len(line.rstrip()) <= 80 for line in text.splitlines())
    for words in ("PRES ↓", "0.200", "0.475", "ant", "bee", "1 expected image"):
        assert words in text
    assert "…" not in text


@pytest.mark.parametrize("width", [20, 80])
def test_a_terminal_that_is_too_narrow_cuts_no_name_and_no_digit(width: int) -> None:
    head = ["Method", *(f"metric{i} ↑" for i in range(9))]
    console = Console(file=io.StringIO(), width=width)
    cells = [TableCell("mine"), *(TableCell(f"0.{i}23", "[0.100, 0.200]") for i in range(9))]
    console.print(to_terminal(table("", head, [cells], words=1)), crop=False)
    assert isinstance(console.file, io.StringIO)
    first, second, third = (line.split() for line in console.file.getvalue().splitlines())
    assert first == " ".join(head).split()
    assert second == [cell.text for cell in cells]
    assert third == [f"0.100{ABSENT}0.200"] * 9


def test_no_dash_stands_beside_a_minus_sign_on_a_terminal() -> None:
    console = Console(file=io.StringIO(), width=80)
    cells = [TableCell("0.5", interval((0.4, 0.6))), TableCell("0.0", interval((-0.2, -0.1)))]
    console.print(to_terminal(table("", ["a", "b"], [cells])))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert f"0.400{ABSENT}0.600" in printed
    assert f"{MINUS}0.200, {MINUS}0.100" in printed


def test_the_main_table_is_printed_last_and_a_single_subject_once(tmp_path: Path) -> None:
    text = _printed(make_run(tmp_path / "two", two_subjects(), tables=two_subjects_tables()))
    assert text.index("by subject") < text.index("Real images")
    ant = [row for row in two_subjects() if row["subject"] == "ant"]
    assert "by subject" not in _printed(make_run(tmp_path / "one", ant, subjects=["ant"]))


def test_a_caption_speaks_of_intervals_only_where_there_are_some(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects())
    assert "brackets" not in markdown_table(summarize([run]))
    assert "which need 4 subjects" in markdown_table(summarize([run]))


def test_markup_in_names_is_plain_text_on_a_terminal(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", two_subjects(), name="[red]x[/red]")
    assert "[red]x[/red]" in _printed(run, 120)


@pytest.mark.parametrize(
    ("value", "text"), [(0.6685, "0.668"), (-0.01, f"{MINUS}0.010"), (float("nan"), ABSENT), (None, ABSENT)]
)
def test_a_score_is_written_with_three_decimals(value: float | None, text: str) -> None:
    assert fixed(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0001, "0.000"), (-0.0001, "0.000"), (0.02, "+0.020"), (-0.02, f"{MINUS}0.020")]
)
def test_a_difference_has_a_sign_unless_it_is_nothing(value: float, text: str) -> None:
    assert signed(value) == text


def test_every_table_of_the_miniature_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", two_subjects(), spec=make_spec(preset="mini"))
    write_report([run], run.report_folder, quiet=True)
    report(runs=[run.path], out=None, json=False, force=False)
    shown = {name: (run.report_folder / name).read_text() for name in ("table.md", "table.tex", "index.html")}
    shown["terminal"] = capsys.readouterr().out
    for name, text in shown.items():
        assert "never to be compared with the paper" in " ".join(text.split()), name
        assert "preset:mini" in text, name
    plain = make_run(tmp_path / "plain", two_subjects())
    write_report([plain], plain.report_folder, quiet=True)
    assert "miniature" not in (plain.report_folder / "table.md").read_text()
