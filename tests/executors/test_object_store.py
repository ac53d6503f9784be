"""Files on their way between machines: in parcels, whole, inside of the task's folder, and each once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from dreambench.errors import DreambenchError
from dreambench.executors.ray import object_store
from dreambench.executors.ray.object_store import ObjectStoreFiles, pack, unpack
from tests.executors.small_task import SmallTask


def written(root: Path, contents: dict[str, bytes]) -> list[Path]:
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return [root / name for name in contents]


def test_a_parcel_is_full_before_it_is_too_large_and_every_file_is_in_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(object_store, "PARCEL_BYTES", 10)
    sizes = {"a": 4, "b/c": 6, "d": 1, "large": 25, "e": 9, "f": 1, "g": 1}
    contents = {name: bytes(size) for name, size in sizes.items()}
    parcels = list(pack(tmp_path, written(tmp_path, contents)))
    assert [list(parcel) for parcel in parcels] == [["a", "b/c"], ["d"], ["large"], ["e", "f"], ["g"]]
    assert {name: content for parcel in parcels for name, content in parcel.items()} == contents
    assert list(pack(tmp_path, [])) == []


def test_an_image_that_is_there_is_left_alone_and_other_files_are_replaced(tmp_path) -> None:
    written(tmp_path, {"a.png": b"ours", "note.json": b"old"})
    unpack(tmp_path, {"a.png": b"theirs", "note.json": b"new", "b/c.png": b"theirs"})
    found = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"a.png": b"ours", "note.json": b"new", "c.png": b"theirs"}


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/outside", "link/outside"])
def test_a_file_outside_of_the_run_is_refused(tmp_path, name) -> None:
    root = tmp_path / "run"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(DreambenchError, match="a worker sent a file outside of the run"):
        unpack(root, {name: b"x"})
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "link"]


def test_what_many_tasks_read_is_put_into_the_store_once(tmp_path) -> None:
    put: list[dict[str, bytes]] = []

    def reference(parcel: dict[str, bytes]) -> int:
        put.append(parcel)
        return len(put)

    task = SmallTask(tmp_path, tmp_path)
    task.perform(None, SimpleNamespace(say=lambda line: None))
    store = ObjectStoreFiles(SimpleNamespace(put=reference))
    assert (store.kept(task), store.kept(task)) == ([1], [1])
    other = SmallTask(tmp_path / "other", tmp_path)
    assert store.kept(other) == []
    assert store.of(task) == [2]
    assert put[0] == put[1] == {"a/0.png": b"first", "a/1.png": b"second", "note": b"x"}
