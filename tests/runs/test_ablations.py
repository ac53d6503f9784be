"""The ablations as data, their tables, and the command on tiny real models."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from dreambench.analysis.ablation_summary import summarize_ablation
from dreambench.analysis.run_scores import read_run_scores
from dreambench.cli import main
from dreambench.dataset import official_subjects
from dreambench.errors import DreambenchError
from dreambench.literature.ablations import ablation, ablation_names
from dreambench.literature.published import published
from dreambench.report.ablation_tables import (
    ablation_csv,
    ablation_latex,
    ablation_markdown,
    write_ablation,
)
from dreambench.runs.training_subject import training_noun
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import DataSpec
from dreambench.store import open_run
from tests.analysis.material import OFFICIAL, image_row, make_run, make_spec


def test_the_ablations_are_those_of_the_paper() -> None:
    assert ablation_names() == ["class-noun", "photo-count", "prior-preservation"]
    nouns = {s.name: s.class_noun for s in official_subjects()}
    prior = ablation("prior-preservation")
    assert len({nouns[s] for s in prior.subjects}) == 15 == published().table(3).subjects
    assert list(prior.variants) == ["with", "without", "base-model"]  # the last is ours
    assert len(ablation("class-noun").subjects) == 5 == published().table(4).subjects
    assert list(ablation("class-noun").variants) == ["correct", "wrong", "none"]
    assert [nouns[s] for s in ablation("photo-count").subjects] == ["backpack", "dog"]
    for name in ablation_names():
        for variant in ablation(name).variants:
            build_spec("paper-sd15", ablation(name).fields(variant))
    with pytest.raises(DreambenchError, match="did you mean 'class-noun'"):
        ablation("class-nuon")


@pytest.fixture
def summary(tmp_path: Path):
    """Two variants of two subjects: DINO 0.5 and 0.7 with, 0.6 and 0.9 without."""
    found = {}
    for variant, dino in {"with": (0.5, 0.7), "without": (0.6, 0.9)}.items():
        rows = [
            image_row(subject, prompt, image, (value, value, 0.3))
            for subject, value in zip(("ant", "bee"), dino, strict=True)
            for prompt in (0, 1)
            for image in (0, 1)
        ]
        run = make_run(tmp_path / variant, rows, spec=make_spec(data=DataSpec(label=OFFICIAL)))
        found[variant] = read_run_scores([run])[0]
    return summarize_ablation(ablation("prior-preservation").model_copy(update={"notes": ("a note",)}), found)


def test_rows_differences_and_the_papers_rows(summary) -> None:
    assert [row.variant for row in summary.rows] == ["with", "without"]
    assert summary.rows[0].dino.mean == pytest.approx(0.6)
    (dino,) = [d for d in summary.differences if d.metric == "dino"]
    assert (dino.variant, dino.reference, dino.n) == ("without", "with", 2)
    assert dino.mean == pytest.approx(0.15)
    assert dino.p == 0.5  # two subjects: the smallest that there is
    assert dino.p_holm == 1  # three metrics are tested
    assert [row.name for row in summary.paper] == ["with", "without"]
    assert summary.rows[0].pres is None


def test_every_format_tells_the_same(summary, tmp_path: Path) -> None:
    text = ablation_markdown(summary)
    assert "| without | 0.750" in text
    assert "| without against with | DINO | +0.150 |  | 0.500 | 1.000 | 2 |" in text
    assert "With prior-preservation loss, paper" in text
    assert "- a note" in text
    assert summary.signature in text
    assert r"\bottomrule" in ablation_latex(summary)
    rows = {(r["variant"], r["metric"]): r for r in csv.DictReader(io.StringIO(ablation_csv(summary)))}
    assert float(rows["without", "dino"]["difference"]) == pytest.approx(0.15)
    assert rows["with", "dino"]["difference"] == "" == rows["with", "dino"]["p_holm"]
    assert float(rows["without", "dino"]["p_holm"]) == 1.0
    write_ablation(summary, tmp_path)
    assert "<svg" in (tmp_path / "ablation.svg").read_text()
    page = (tmp_path / "ablation.html").read_text()
    assert "data:image/svg+xml;base64," in page
    assert "+0.150" in page
    assert summary.signature in page


def test_the_papers_number_of_a_subject_stands_below_ours_in_its_variants_column(tmp_path: Path) -> None:
    chosen, rows = ablation("photo-count"), {row.name: row for row in published().table(5).rows}
    found = {}
    for variant in chosen.variants:
        images = [image_row(subject, 0, 0, (0.5, 0.5, 0.3)) for subject in chosen.subjects]
        spec = make_spec(data=DataSpec(label=OFFICIAL))
        run = make_run(tmp_path / variant, images, spec=spec, subjects=chosen.subjects)
        found[variant] = read_run_scores([run])[0]
    text = ablation_markdown(summarize_ablation(ablation("photo-count"), found))
    for subject in chosen.subjects:
        values = " | ".join(f"{rows[subject].values[variant]:.3f}" for variant in "12345")
        assert f"| {subject}, paper | {values} |" in text


def test_the_wrong_noun_really_trains_on_the_wrong_nouns_class_images(
    tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.material import tiny as models

    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    small = ("method.steps=2", "method.class_images=2", "method.class_sampler.steps=1", "sampler.steps=1")
    words = [
        *("ablate", "class-noun", "--preset", "paper-sd15", "--data", tiny["data"], "--json"),
        *("--subjects", "dog,teapot", "--prompts", "0,1", "--images-per-prompt", "2"),
        *(*models.options(tiny), *(word for s in small for word in ("--set", s))),
        *("--out", str(tmp_path / "ablation")),
    ]
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["ablation"] == "class-noun"
    assert [row["variant"] for row in shown["rows"]] == ["correct", "wrong", "none"]
    assert shown["rows"][0]["dino"]["mean"] != shown["rows"][1]["dino"]["mean"]

    wrong = open_run(tmp_path / "ablation" / "wrong")
    drawn = {s.name: training_noun(wrong.record.spec.class_noun, s) for s in official_subjects()}
    images = wrong.scores("images")
    asked = images.groupby("subject")["prompt"].first().to_dict()
    identifier = wrong.record.identifier
    for subject in ("dog", "teapot"):
        assert asked[subject] == f"a {identifier} {drawn[subject]} in the jungle"
        assert images.loc[images["subject"] == subject, "class_noun"].iloc[0] == subject
    sets = [json.loads(file.read_text()) for file in (tmp_path / "cache").rglob("set.json")]
    nouns = {made["identity"]["class_noun"] for made in sets}
    assert nouns == {drawn["dog"], drawn["teapot"], "dog", "teapot"}
    none = open_run(tmp_path / "ablation" / "none")
    assert set(none.scores("images")["prompt"]) == {
        f"a {identifier} in the jungle",
        f"a {identifier} in the snow",
    }
    assert none.losses("dog")["prior"].isna().all()
    assert any("Class noun of training" in note for note in wrong.record.notes)
