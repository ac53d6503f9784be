"""The tables of a run, and its log: what the log knows of them, and when."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dreambench.errors import DreambenchError
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.store import RunFolder, open_run
from dreambench.store import files as store_files
from dreambench.store.run_folder import LOSS_COLUMNS
from tests.store.material import record


def frame(score: float) -> pd.DataFrame:
    return pd.DataFrame({"subject": ["dog"], "dino": [score]})


@pytest.mark.parametrize("status", ["partial", "complete"])
def test_the_tables_of_a_run_that_ended_may_not_change(tmp_path: Path, status) -> None:
    run = RunFolder(tmp_path, record())
    run.save_scores("images", frame(0.5))
    (tmp_path / "scores" / ".prior.parquet.0123abcd.tmp").write_text("half")
    (tmp_path / "scores" / ".hidden.parquet").write_text("not a table")
    run.save_record(status)
    assert list(open_run(tmp_path).record.tables) == ["images"]
    assert open_run(tmp_path).scores("images")["dino"].tolist() == [0.5]
    run.save_scores("images", frame(0.6))
    with pytest.raises(DreambenchError, match=r"images\.parquet has changed since the run ended"):
        open_run(tmp_path).scores("images")
    run.score_file("images").unlink()
    with pytest.raises(DreambenchError, match=r"images\.parquet is gone"):
        open_run(tmp_path).scores("images")
    assert open_run(tmp_path).scores("prior").empty


@pytest.mark.parametrize("status", ["started", "interrupted", "failed"])
def test_the_tables_of_a_run_in_progress_may_change(tmp_path: Path, status) -> None:
    run = RunFolder(tmp_path, record())
    run.save_scores("images", frame(0.5))
    run.save_record("complete")
    run.save_record(status)
    assert run.record.status == open_run(tmp_path).record.status == status
    run.save_scores("images", frame(0.6))
    assert open_run(tmp_path).scores("images")["dino"].tolist() == [0.6]


def test_a_change_without_a_status_keeps_what_is_known_of_the_tables(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, record())
    run.save_scores("images", frame(0.5))
    run.save_record("complete")
    known = run.record.tables
    run.save_record(notes=["a word"])
    assert (open_run(tmp_path).record.tables, open_run(tmp_path).record.notes) == (known, ["a word"])


def test_every_protocol_has_tables_of_its_own_which_the_log_knows_apart(tmp_path: Path) -> None:
    spec = record().spec
    protocols = {"paper": spec.protocol, "uno": ProtocolSpec(metrics=("dino",))}
    run = RunFolder(tmp_path, record().model_copy(update={"protocols": protocols}))
    run.save_scores("images", frame(0.5))
    run.of_protocol("uno").save_scores("images", frame(0.7))
    run.save_record("complete")
    found = open_run(tmp_path)
    assert set(found.record.tables) == {"images", "uno/images"}
    first, other = (found.of_protocol(name) for name in ("paper", "uno"))
    assert [view.scores("images")["dino"][0] for view in (found, first, other)] == [0.5, 0.5, 0.7]
    assert (first.record.spec.protocol, other.record.spec.protocol) == tuple(protocols.values())
    assert other.record.key == other.record.spec.key != first.record.key
    run.of_protocol("uno").save_scores("images", frame(0.8))
    assert found.scores("images")["dino"][0] == 0.5
    with pytest.raises(DreambenchError, match=r"uno/images\.parquet has changed"):
        other.scores("images")


def test_a_log_that_could_not_be_written_does_not_count_as_written(tmp_path: Path, monkeypatch) -> None:
    run = RunFolder(tmp_path, record())
    run.save_record("started")

    def full(path: Path, text: str) -> None:
        raise DreambenchError("no space left", "free some")

    monkeypatch.setattr(store_files, "write_text", full)
    with pytest.raises(DreambenchError):
        run.save_record("complete")
    assert run.record.status == "started"


def test_a_loss_log_of_words_or_of_other_columns_is_damaged(tmp_path: Path) -> None:
    run, head = RunFolder(tmp_path, record()), ",".join(LOSS_COLUMNS)
    assert run.losses("dog").empty
    for text, whole in (
        (f"{head}\n1,0.5,nan,0.5\n", True),
        (f"{head}\n1,0.5,x,0.5\n", False),
        ("a,b\n1,2\n", False),
    ):
        store_files.write_text(run.loss_file("dog"), text)
        if whole:
            assert run.losses("dog")["photo"].tolist() == [0.5]
            continue
        with pytest.raises(DreambenchError, match=r"dog-loss\.csv is damaged"):
            run.losses("dog")
