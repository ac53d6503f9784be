"""The published runs in the repository: complete, and of the models and photos that it ships."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.literature.reproduction import planned_runs
from dreambench.paths import sha256_of
from dreambench.runs.prepare import prepare_all
from dreambench.runs.reproduce import kept_runs
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from dreambench.store import RunFolder, open_run
from dreambench.store.published_run import publish_run
from dreambench.store.sealed_rows import read_rows, write_rows

ROOT = Path(__file__).resolve().parents[2]
SEEDS = [0, 1, 2]
TABLES = ROOT / "results" / "tables" / "mini"
PAGE = ROOT / "docs" / "reproduction.md"


def build(fields: Mapping[str, Any]) -> RunSpec:
    return build_spec("mini", fields)


def test_the_kept_runs_are_of_the_shipped_miniature() -> None:
    kept = kept_runs(planned_runs(build, SEEDS), TABLES)
    assert kept
    for prepared, record in zip(prepare_all([run.spec for run in kept]), kept.values(), strict=True):
        assert prepared.spec.key == record.key, "the miniature has changed: run `dreambench reproduce` again"


@pytest.mark.parametrize("log", sorted(TABLES.rglob("run.json")), ids=lambda log: log.parent.name)
def test_a_kept_run_has_all_its_scores_and_no_path_of_a_machine(log: Path) -> None:
    run = open_run(log.parent)
    images = run.scores("images")
    assert len(images)
    assert images[["dino", "clip_i", "clip_t"]].notna().all(axis=None)
    assert not any(Path(file).is_absolute() for file in images["file"])
    assert not any(Path(photo).is_absolute() for found in run.record.photos.values() for photo in found)
    assert run.record.made_on == {}


def test_a_run_is_kept_as_it_is_and_not_with_a_table_that_changed(tmp_path: Path) -> None:
    source = TABLES / "comparison" / "pretrained-s1"
    publish_run(open_run(source), tmp_path / "kept", photos_too=False)
    kept = open_run(tmp_path / "kept")
    for table in ("images", "diversity", "prior", "photos"):
        pd.testing.assert_frame_equal(kept.scores(table), open_run(source).scores(table))
    shutil.copyfile(
        TABLES / "comparison" / "dreambooth-s1" / "scores" / "images.parquet", kept.score_file("images")
    )
    with pytest.raises(DreambenchError, match=r"images\.parquet has changed since the run ended"):
        publish_run(kept, tmp_path / "again", photos_too=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_no_machine_and_no_path_is_published_and_a_photo_has_its_own_embedding(tmp_path: Path) -> None:
    made = open_run(TABLES / "comparison" / "pretrained-s1")
    key = made.record.spec.protocol.encoder_key("dino")
    photos = [tmp_path / "photos" / name for name in ("a.png", "b.png", "gone.png")]
    photos[0].parent.mkdir()
    for photo in photos[:2]:
        photo.write_bytes(photo.name.encode())
    changes = {"made_on": {"dog": "node-7 (a card)"}, "photos": {"dog": [str(photo) for photo in photos]}}
    run = RunFolder(tmp_path / "run", made.record.model_copy(update={**changes, "tables": {}}))
    rows = {sha256_of(photo): np.full(2, number, np.float32) for number, photo in enumerate(photos[:2], 1)}
    write_rows(run.embedding_file(key, "dog"), {"0" * 64: np.zeros(2, np.float32), **rows})
    publish_run(run, tmp_path / "kept")
    kept = open_run(tmp_path / "kept")
    assert kept.record.made_on == {}
    assert kept.record.photos == {"dog": ["dog/a.png", "dog/b.png", "dog/gone.png"]}
    found = read_rows(kept.published_photos_file(key))
    assert {name: values.tolist() for name, values in found.items()} == {
        "dog/a.png": [1, 1],
        "dog/b.png": [2, 2],
    }


def test_damaged_embeddings_are_not_published(tmp_path: Path) -> None:
    shutil.copytree(TABLES / "comparison" / "pretrained-s1", tmp_path / "run")
    run = open_run(tmp_path / "run")
    key = run.record.spec.protocol.encoder_key("dino")
    file = run.embedding_file(key, next(iter(run.record.photos)))
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half of a file")
    with pytest.raises(DreambenchError, match=r"safetensors is damaged"):
        publish_run(run, tmp_path / "kept")


def test_the_page_is_what_its_command_makes_of_the_kept_runs(
    imagenhub: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results").symlink_to(ROOT / "results")  # the command names the notes by their place in it
    run("correlate", "imagenhub", "--data", str(imagenhub), "--json")
    Path("correlation.json").write_text(capsys.readouterr().out)
    (command,) = [line for line in PAGE.read_text().splitlines() if line.startswith("dreambench reproduce")]
    run(*shlex.split(command)[1:], "--tables", str(TABLES), "--page", "reproduction.md")
    assert Path("reproduction.md").read_text() == PAGE.read_text()


def run(*words: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert not end.value.code
