"""The images of a run: which noise each is drawn from, and what of them is scored."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from dreambench.methods.method import SubjectPhrase
from dreambench.metrics.drift import MINIATURE_PROMPTS, PROMPTS
from dreambench.runs.chosen_data import read_data
from dreambench.runs.requests import drift_pairs, expected_cells, prior_requests, scored_images
from dreambench.runs.submissions.layouts import _DRIFT
from dreambench.spec.presets import build_spec
from dreambench.store import RunFolder
from tests.store.material import record

WORDS = SubjectPhrase("sks", "dog")
SPEC = build_spec("mini", {"prompts": "3", "seed": 7, "protocol.metrics": ["dino", "pres", "drift"]})


def seed(*parts: object) -> int:
    """Return 63 bits of the SHA-256 of the parts: what every image that was ever drawn depends on."""
    digits = hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:16]
    return int(digits, 16) // 2


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run", record())


def test_each_images_noise_is_of_its_run_seed_its_subject_and_its_place(run: RunFolder) -> None:
    (dog,) = read_data(SPEC).select(("dog",))
    cells = expected_cells(SPEC, dog, WORDS, run)
    assert [cell.seed for cell in cells] == [seed(7, "dog", 3, image) for image in range(4)]
    priors = prior_requests(SPEC, dog, run)
    assert [prior.seed for prior in priors] == [seed(7, "dog", "prior", image) for image in range(16)]
    for own, base in drift_pairs(SPEC, dog, run):  # of the prompt, and of no subject
        assert own.seed == base.seed == seed(7, "drift", own.prompt)
        assert (own.prompt, own.prompt_index) == (base.prompt, base.prompt_index)
        assert base.file.name == own.file.name.replace("drift-", "drift-base-") != own.file.name


def test_the_prompt_has_the_runs_words_and_the_caption_the_subjects_own_noun(run: RunFolder) -> None:
    (dog,) = read_data(SPEC).select(("dog",))
    words = SubjectPhrase("sks", "cat")  # an ablated class noun
    cell = expected_cells(SPEC, dog, words, run)[0]
    assert "sks cat" in cell.prompt
    assert cell.caption == cell.prompt.replace("sks cat", "dog")
    kept = SPEC.evolve(protocol={"caption": "identifier"})
    assert expected_cells(kept, dog, words, run)[0].caption == cell.prompt.replace("cat", "dog")


def test_what_does_not_exist_is_not_scored_and_its_cell_stays(run: RunFolder) -> None:
    (dog,) = read_data(SPEC).select(("dog",))
    (first, second, *_) = drift_pairs(SPEC, dog, run)
    there = [
        *(run.image_file("dog", 3, image) for image in (0, 2)),
        *(request.file for request in prior_requests(SPEC, dog, run)[1:3]),
        *(image.file for image in (*first, second[0])),  # of the second pair the base model's is missing
    ]
    there[0].parent.mkdir(parents=True)
    for file in there:
        file.touch()
    found = scored_images(SPEC, SimpleNamespace(words=lambda subject: WORDS), dog, run)
    assert [cell.file for cell in found.cells] == [there[0], None, there[1], None]
    assert list(found.priors.items()) == [(1, there[2]), (2, there[3])]
    assert list(found.drift) == [first]


def test_another_list_of_unrelated_prompts_never_finds_an_image_of_another_prompt(run: RunFolder) -> None:
    (dog,) = read_data(SPEC).select(("dog",))
    lists = [list(PROMPTS), ["a harbor", *PROMPTS[1:]], [*PROMPTS[5:], "a harbor"], list(MINIATURE_PROMPTS)]
    files: dict[str, set[Path]] = {}
    prompts: dict[Path, set[str]] = {}
    for prompts_of in lists:
        spec = build_spec(
            "mini", {"protocol.metrics": ["drift"], "protocol.encoders.drift.prompts": prompts_of}
        )
        for pair in drift_pairs(spec, dog, run):
            for image in pair:
                prompts.setdefault(image.file, set()).add(image.prompt)
                assert _DRIFT.fullmatch(f"dog/{image.file.name}")
                files.setdefault(image.prompt, set()).add(image.file)
    assert all(len(found) == 1 for found in prompts.values())
    assert len(files["a harbor"]) == 2  # the fine-tuned and the base model's, wherever the prompt stands
    assert run.drift_file("dog", "04") in prompts
