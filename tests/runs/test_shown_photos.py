"""method.photo: the shown photo is chosen by its rule, is the one that is shown, and is the one left out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from dreambench.cli import main
from dreambench.dataset import load_dataset, read_image
from dreambench.errors import DreambenchError
from dreambench.metrics.dino import Dino
from dreambench.metrics.references import reference_photos
from dreambench.runs.prepare import prepare
from dreambench.runs.shown_photos import medoid
from dreambench.runs.training_subject import training_subject
from dreambench.spec.presets import build_spec
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import open_run
from tests.material import tiny as models
from tests.material.tiny_families import build_family

SIZE = 64


@pytest.fixture(scope="module")
def kontext(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_family("flux-kontext", tmp_path_factory.mktemp("kontext"))


@pytest.fixture(scope="module")
def photos(tiny: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three subjects: the dog as drawn (its best photo is not its first), a vase of 2 photos, a cat of 1."""
    folder = tmp_path_factory.mktemp("photos") / "data"
    shutil.copytree(tiny["data"], folder)
    lines = (folder / "subjects.csv").read_text().splitlines()
    kept = [line for line in lines[1:] if line.split(",")[0] in ("dog", "vase", "cat")]
    (folder / "subjects.csv").write_text("\n".join([lines[0], *kept]) + "\n")
    for other in folder.iterdir():
        if other.is_dir() and other.name not in ("dog", "vase", "cat"):
            shutil.rmtree(other)
    for subject, count in (("vase", 2), ("cat", 1)):
        for file in sorted((folder / subject).iterdir())[count:]:
            file.unlink()
    return folder


def spec_of(tiny: dict[str, str], base: Path, data: Path, *changes: str) -> RunSpec:
    encoders = {name: value for name, value in tiny.items() if name not in ("base", "data")}
    fields = {"base.model": str(base), "data.folder": str(data), "method": "reference", **encoders}
    return build_spec("paper-sd15", fields, ["sampler.scheduler=default", "training_photos=1", *changes])


def test_best_is_the_photo_most_like_the_others_by_the_protocols_dino(tiny, kontext, photos):
    prepared = prepare(spec_of(tiny, kontext, photos, "method.photo=best"))
    dog = load_dataset(photos)["dog"]
    encoder = Dino().load_encoder(prepared.spec.protocol.dino, "cpu")
    rows = encoder.embed_images([read_image(photo.path) for photo in dog.photos])
    means = [
        sum(float(torch.cosine_similarity(a, b, dim=0)) for j, b in enumerate(rows) if j != i)
        for i, a in enumerate(rows)
    ]
    best = dog.photos[means.index(max(means))].path.name
    shown = prepared.spec.method.shown_photos()
    assert shown == {"dog": best, "vase": "00.jpg", "cat": "00.jpg"}
    assert best != "00.jpg"
    assert [p.path.name for p in training_subject(prepared.spec, dog).photos] == [best]


def test_ties_go_to_the_first_and_what_is_not_finite_is_an_error():
    same = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1e-9]])
    assert medoid(same) == 1
    assert medoid(same[:1]) == medoid(same[:2]) == 0
    same[2, 0] = torch.nan
    with pytest.raises(DreambenchError, match=r"not finite; check protocol\.dino\.weights"):
        medoid(same)


def test_the_key_names_the_shown_photo_and_the_first_changes_no_key(tiny, kontext, photos):
    first = spec_of(tiny, kontext, photos)
    assert "photo" not in first.identity()["method"]
    assert "shown" not in first.identity()["method"]
    keys = {
        choice: prepare(spec_of(tiny, kontext, photos, f"method.photo={choice}", "subjects=[dog]")).spec.key
        for choice in ("first", "1", "2", "best")
    }
    assert len(set(keys.values())) == 4
    assert prepare(spec_of(tiny, kontext, photos, "subjects=[dog]")).spec.key == keys["first"]


def test_what_cannot_be_shown_is_refused(tiny, kontext, photos):
    with pytest.raises(DreambenchError, match=r"method.photo=best shows one photo; add --set training_ph"):
        prepare(spec_of(tiny, kontext, photos, "method.photo=best", "training_photos=2"))
    with pytest.raises(DreambenchError, match=r"method.photo=2, but cat has 1 photo; name another photo"):
        prepare(spec_of(tiny, kontext, photos, "method.photo=2"))
    with pytest.raises(DreambenchError, match=r"method.photo"):
        spec_of(tiny, kontext, photos, "method.photo=0")


def test_the_photo_that_is_left_out_is_the_shown_one():
    files = [Path(f"dog/{index:02d}.jpg") for index in range(3)]
    left_out = ProtocolSpec(leave_input_out=True)
    assert reference_photos(left_out, "dog", files, {"dog": "01.jpg"}) == [files[0], files[2]]
    assert reference_photos(left_out, "dog", files, 2) == files[2:]
    assert reference_photos(ProtocolSpec(references="listed"), "dog", files, {"dog": "01.jpg"}) == [files[1]]
    labels = {left_out.reference_label(shown) for shown in (None, 1, {"dog": "01.jpg"}, {"dog": "02.jpg"})}
    assert len(labels) == 4


def test_a_run_shows_scores_and_records_the_chosen_photo(tiny, kontext, photos, tmp_path):
    """The images are those of a run whose first photo is the best one."""

    def run(data: Path, name: str, *sets: str):
        words = ["run", "--preset", "paper-sd15", "--method", "reference", "--base", str(kontext)]
        words += ["--data", str(data), "--subjects", "dog", "--prompts", "0", "--images-per-prompt", "1"]
        words += models.options({k: v for k, v in tiny.items() if k not in ("base", "data")})
        fields = ["training_photos=1", "sampler.steps=1", "sampler.scheduler=default", *sets]
        words += [word for field in fields for word in ("--set", field)]
        with pytest.raises(SystemExit) as stop:
            main([*words, "--metrics", "dino", "--out", str(tmp_path / name)])
        assert not stop.value.code
        return open_run(tmp_path / name)

    best = run(photos, "best", "method.photo=best")
    name = best.record.spec.method.shown_photos()["dog"]
    assert f"Shown photos: dog {name}." in best.record.notes
    moved = Path(shutil.copytree(photos, tmp_path / "moved"))
    (moved / "dog" / name).rename(moved / "dog" / "0-first.jpg")
    first = run(moved, "first")

    def image(folder):
        return (folder.path / "images" / "dog" / "00-0.png").read_bytes()

    assert image(best) == image(first)
    assert image(best) != image(run(photos, "plain"))
    for protocol in ("all-photos", "input-left-out"):
        ours, theirs = (each.of_protocol(protocol).scores("images") for each in (best, first))
        assert ours["dino"].iloc[0] == pytest.approx(theirs["dino"].iloc[0], abs=1e-6)
