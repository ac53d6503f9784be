"""The runs that a reproduction needs, before any of them starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dreambench.dataset import official_subjects
from dreambench.literature.claims import paper_claims
from dreambench.literature.published import published
from dreambench.literature.reproduction import paper_reproduction, planned_runs, queues
from dreambench.report.reproduction_log import wall_seconds
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunRecord

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
