"""``dreambench reproduce`` on tiny real models: every run, the page that is read from them, and resuming."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dreambench.analysis.embedding_similarities import photo_embeddings
from dreambench.analysis.run_scores import read_run_scores
from dreambench.cli import main
from dreambench.dataset import official_subjects
from dreambench.literature.claims import paper_claims
from dreambench.literature.published import published
from dreambench.literature.reproduction import paper_reproduction, planned_runs, queues
from dreambench.report.reproduction_log import wall_seconds
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunRecord, open_run

pytestmark = pytest.mark.slow


def build(fields: Mapping[str, Any]) -> RunSpec:
    return build_spec("paper-sd15", fields)


def test_the_plan_has_everything_that_the_claims_need() -> None:
    planned = planned_runs(build, [0, 1])
    places = [run.folder(Path()) for run in planned]
    assert len(set(places)) == len(places) == 2 * (4 + 3 + 3 + 5 + 1) + 15
    assert Path("comparison/textual-inversion-s1") in places
    assert Path("class-noun-s0/wrong") in places
    assert Path("photo-count-s1/5") in places
    assert {run.spec.seed for run in planned} == {0, 1}
    nouns = {s.name: s.class_noun for s in official_subjects()}
    assert len({nouns[s] for s in paper_reproduction().common_word.subjects}) == 15
    (word,) = [r.spec.identifier.text for r in planned if r.group == "common-word" and r.seed == 0]
    assert word == "unique"


def test_the_comparison_is_the_first_queue_and_folders_of_a_queue_have_names_of_their_own() -> None:
    planned = planned_runs(build, [0, 1])
    found = queues(planned)
    assert {run.group for run in found[0]} == {"comparison"}
    assert sum(map(len, found)) == len(planned)
    for queue in found:
        assert len({run.folder(Path()).name for run in queue}) == len(queue)


def test_a_choice_of_subjects_restricts_every_run() -> None:
    planned = planned_runs(build, [0], ["dog", "cat2"])
    assert all(set(run.spec.subjects) <= {"dog", "cat2"} for run in planned)
    (photos,) = [run.spec.subjects for run in planned if run.folder(Path()) == Path("photo-count-s0/1")]
    assert photos == ("dog",)
    assert {run.group for run in planned_runs(build, [0], ["cat2"])} == {"comparison"}


def test_methods_are_stopped_at_shares_of_their_own_steps_on_the_first_seed() -> None:
    planned = [run for run in planned_runs(build, [3, 4]) if run.group == "along-training"]
    stops = [run.spec.method.training_steps() for run in planned if run.spec.method.name == "dreambooth"]
    assert stops == [125, 250, 500, 750, 1000]
    assert {run.spec.method.name for run in planned} == {"dreambooth", "dreambooth-lora", "textual-inversion"}
    assert {run.spec.seed for run in planned} == {3}


def test_the_papers_effects_are_differences_of_its_published_numbers() -> None:
    rows = {table.number: {row.name: row.values for row in table.rows} for table in published().tables}
    first, third, fourth, fifth = (rows[number] for number in (1, 3, 4, 5))
    ours, theirs = first["dreambooth-sd"], first["textual-inversion-sd"]
    photos = [values["4"] - values["1"] for values in fifth.values()]
    agreement = {name: found.pearson for name, found in published().agreement.items()}
    expected = {
        "beats-textual-inversion-dino": ours["dino"] - theirs["dino"],
        "beats-textual-inversion-clip-i": ours["clip_i"] - theirs["clip_i"],
        "beats-textual-inversion-clip-t": ours["clip_t"] - theirs["clip_t"],
        "photos-are-the-bound": first["real"]["dino"] - ours["dino"],
        "prior-preservation-lowers-pres": third["with"]["pres"] - third["without"]["pres"],
        "prior-preservation-raises-div": third["with"]["div"] - third["without"]["div"],
        "prior-preservation-costs-little": third["with"]["dino"] - third["without"]["dino"],
        "correct-above-wrong-dino": fourth["correct"]["dino"] - fourth["wrong"]["dino"],
        "correct-above-wrong-clip-i": fourth["correct"]["clip_i"] - fourth["wrong"]["clip_i"],
        "correct-above-none-dino": fourth["correct"]["dino"] - fourth["none"]["dino"],
        "correct-above-none-clip-i": fourth["correct"]["clip_i"] - fourth["none"]["clip_i"],
        "more-photos-help": sum(photos) / len(photos),
        "dino-agrees-with-people": agreement["dino"] - agreement["clip_i"],
    }
    given = {claim.id: claim.paper for claim in paper_claims().claims if claim.paper is not None}
    assert given == pytest.approx(expected, abs=1e-9)


@pytest.fixture
def command(tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from tests.material import tiny as models

    monkeypatch.setenv("DREAMBENCH_CACHE", str(tmp_path / "cache"))
    sampler = {"scheduler": "ddim", "steps": 1}
    trained = {"steps": 1, "class_images": 2, "class_sampler": sampler}
    preset = {
        "base": {"model": "x"},
        "method": "dreambooth",
        "sampler": sampler,
        "prompts": "0",
        "images_per_prompt": 2,
        "methods": {
            "dreambooth": trained,
            "dreambooth-lora": {**trained, "rank": 2},
            "textual-inversion": {"steps": 1},
            "pretrained": {},
        },
    }
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(preset))  # YAML without aliases
    options = ["--preset", str(file), "--data", str(tiny["data"]), *models.options(tiny)]
    settings = ["--set", "prompts=0", "--set", "protocol.prior_images=2"]
    return ["reproduce", "--subjects", "dog,teapot", "--out", str(tmp_path / "all"), *options, *settings]


def test_one_command_makes_every_run_and_the_page(command, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command, "--seeds", "0"])
    assert end.value.code == 0, capsys.readouterr().err
    shown = capsys.readouterr()
    assert Path(shown.out.strip()) == tmp_path / "all" / "reproduction.md"
    assert "2 subjects reused from finished runs" in shown.err
    text = (tmp_path / "all" / "reproduction.md").read_text()
    for expected in (
        "<summary>Comparison (Table 1)",
        "| textual-inversion |",
        "<summary>Prior preservation (Table 3)",
        "| without against with | DINO |",
        "<summary>Class noun (Table 4)",
        "<summary>Number of training photos (Table 5)",
        "| DreamBooth is above Textual Inversion in DINO (Table 1) | +0.099 | ",
        "## Along training",
        "<summary>How this page was made",
        "| `comparison/dreambooth-s0` | 2 |",
        "dreambench ablate class-noun",
        f" --data {command[command.index('--data') + 1]} ",
    ):
        assert expected in text
    # Every number of the page is read from the runs: made again, it is the same.
    with pytest.raises(SystemExit):
        main([*command, "--seeds", "0", "--page", str(tmp_path / "again" / "reproduction.md")])
    again = (tmp_path / "again" / "reproduction.md").read_text()
    assert (
        again.split("<summary>How this page was made")[0] == text.split("<summary>How this page was made")[0]
    )
    runs = [json.loads(file.read_text()) for file in (tmp_path / "all").rglob("run.json")]
    assert len(runs) == 16 + 3
    assert all(run["status"] == "complete" and run["seconds"] > 0 for run in runs)
    _tables_alone_give_the_same_page(command, tmp_path, again)


def _tables_alone_give_the_same_page(command: list[str], top: Path, page: str) -> None:
    kept = ["--tables", str(top / "kept")]
    assert call([*command, "--seeds", "0", *kept])
    files = [file for file in (top / "kept").rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".json", ".parquet", ".safetensors", ".md", ".svg", ".csv"}
    for file in (top / "kept").rglob("run.json"):
        photos = json.loads(file.read_text())["photos"]
        assert not any(Path(photo).is_absolute() for found in photos.values() for photo in found)
    place = "comparison/dreambooth-s0"
    ours, theirs = read_run_scores([open_run(top / "all" / place), open_run(top / "kept" / place)])
    for kind in ("clip", "dino"):
        whole, copied = photo_embeddings(ours, kind), photo_embeddings(theirs, kind)
        assert set(whole) == set(copied) == {"dog", "teapot"}
        assert all((whole[subject] == copied[subject]).all() for subject in whole)
    (top / "all").rename(top / "away")
    assert call([*command, "--seeds", "0", *kept, "--page", str(top / "third" / "reproduction.md")])
    assert not (top / "all").exists()
    assert (top / "third" / "reproduction.md").read_text().split("<summary>How this page was made")[
        0
    ] == page.split("<summary>How this page was made")[0]
    _what_is_finished_makes_a_page(command, top)
    # A run that is away is made; one that is of other settings, or not whole, is refused.
    pretrained = top / "kept" / "comparison" / "pretrained-s0"
    shutil.rmtree(pretrained)
    assert call([*command, "--seeds", "0", *kept])
    assert [path.name for path in (top / "all").rglob("run.json")] == ["run.json"]
    assert (pretrained / "run.json").exists()
    assert call([*command, "--seeds", "0", *kept, "--set", "image_size=16"], code=2)
    file = pretrained / "run.json"
    file.write_text(file.read_text().replace('"complete"', '"partial"', 1))
    assert call([*command, "--seeds", "0", *kept], code=2)


def _what_is_finished_makes_a_page(command: list[str], top: Path) -> None:
    words = [*command, "--seeds", "0,1", "--tables", str(top / "kept"), "--finished"]
    (top / "kept" / "class-noun-s0" / "wrong").rename(top / "wrong")
    assert call([*words, "--page", str(top / "part.md")])
    text = (top / "part.md").read_text()
    lines = text.splitlines()
    warning = lines[lines.index('<details markdown="1"><summary>Not finished</summary>') + 2]
    assert f"**{warning.count('`') // 2} runs not finished" in text
    assert all(f"`{name}`" in warning for name in ("comparison/dreambooth-s1", "class-noun-s0/wrong"))
    assert "comparison/dreambooth-s0" not in warning
    assert "--seeds 0,1 --finished" in text
    assert "<summary>Number of training photos (Table 5)" in text
    assert (
        "<summary>Class noun (Table 4)" not in text
    )  # all variants or none: a table of some compares nothing
    assert not (top / "all").exists()
    (top / "wrong").rename(top / "kept" / "class-noun-s0" / "wrong")
    assert call(
        [*words, "--set", "image_size=16"], code=2
    )  # the page would name settings that its runs had not
    assert call([*command, "--finished"], code=2)


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        ([("10:00", "10:30", 1800), ("10:00", "11:00", 3600)], 3600),  # one queue
        ([("10:00", "10:30", 1800), ("10:30", "11:00", 1800)], 3600),  # one after the other
        ([("10:00", "23:00", 1200), ("10:30", "22:00", 600)], 1800),  # with pauses
        ([("10:00", "10:10", 600), ("12:00", "12:10", 600), ("10:05", "10:10", 300)], 1200),
        ([("10:00", "23:00", 1200), ("10:00", "23:10", 1800)], 1800),  # one queue in two sittings
    ],
)
def test_runs_that_overlap_count_once(times: list[tuple[str, str, int]], seconds: int) -> None:
    day = "2026-01-01T{}:00+00:00".format
    records = [
        RunRecord(
            name="x",
            key="",
            spec=build({}),
            subjects={},
            photos={},
            created=day(start),
            updated=day(end),
            seconds=took,
        )
        for start, end, took in times
    ]
    assert wall_seconds(records) == seconds


def call(words: list[str], code: int = 0) -> bool:
    """Run the command in this process; whether it ended with ``code``."""
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0) == code


def test_what_cannot_end_well_is_refused_before_anything_runs(tmp_path: Path, capsys) -> None:
    (tmp_path / "c.json").write_text("{}")
    (tmp_path / "kept" / "comparison" / "dreambooth-s0").mkdir(parents=True)
    for words, told in (
        (["--tables", str(tmp_path / "kept")], "dreambooth-s0 contains no run"),
        (["--tables", str(tmp_path / "all")], "--tables and --out are both"),
        (["--correlation", str(tmp_path / "c.json")], "no test of DINO against CLIP-I"),
        (["--set", "method.steps=3"], "does not suit every method"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["reproduce", "--preset", "mini", "--out", str(tmp_path / "all"), *words])
        assert end.value.code == 2
        assert told in capsys.readouterr().err
        assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("seeds", ["0,0", "a", "-1", ""])
def test_wrong_seeds_are_one_line(seeds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["reproduce", f"--seeds={seeds}"])
    assert end.value.code == 2
    assert "--seeds" in capsys.readouterr().err
