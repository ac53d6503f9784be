"""Pulling: from a local copy and over HTTP, whole and verified or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from dreambench.dataset import load_dataset, pull, pulling
from dreambench.dataset import official as official_module
from dreambench.dataset.official import official_folder
from dreambench.errors import DreambenchError

CACHED = (
    official_module.official_subjects,
    official_module.official_photos,
    official_module.official_fingerprint,
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A dataset of two subjects that is the official one for the length of a test."""
    source, data = tmp_path / "copy" / "dataset", tmp_path / "data"
    (data / "manifests").mkdir(parents=True)
    rows = ["subject,file,sha256,bytes,width,height"]
    for subject in ("cup", "dog"):
        (source / subject).mkdir(parents=True)
        for index in range(2):
            photo = source / subject / f"0{index}.jpg"
            Image.effect_noise((32, 32), 50 + index).convert("RGB").save(photo)
            content = photo.read_bytes()
            rows.append(f"{subject},{photo.name},{hashlib.sha256(content).hexdigest()},{len(content)},32,32")
    (source / "references_and_licenses.txt").write_text("credits")
    (data / "manifests" / "dreambooth.csv").write_text("# a comment\n" + "\n".join(rows) + "\n")
    (data / "subjects.csv").write_text(
        "subject,class_noun,category,photos\ncup,cup,object,2\ndog,dog,live,2\n"
    )
    monkeypatch.setattr(official_module, "data_folder", lambda: data)
    for function in CACHED:
        function.cache_clear()
    yield source
    for function in CACHED:
        function.cache_clear()


def _archive(source: Path, extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    """Return the dataset as the code host would pack it, with members that must not be extracted."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(source, "dreambooth-4f887af/dataset")
        for member in extra:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


class _Server:
    """A code host that answers every request with ``status`` and ``content``."""

    def __init__(self, content: bytes, status: int = 200, announce: int | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                if announce is not None:
                    self.send_header("Content-Length", str(announce))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/archive.tar.gz"

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self.url

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens on the discard port; no proxy; no waiting between tries."""
    monkeypatch.setattr(pulling, "URL", "http://127.0.0.1:9/archive.tar.gz")
    monkeypatch.setattr(pulling, "RETRIES", 0)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def _nothing_left(target: Path) -> bool:
    return not target.exists() and (not target.parent.exists() or not list(target.parent.iterdir()))


def test_the_real_dataset_from_a_local_copy(official: Path) -> None:
    said: list[str] = []
    folder = pull(source=official.parent, say=said.append)
    assert folder == official_folder()
    assert load_dataset().label == "dreambooth@4f887af"
    assert (folder / "references_and_licenses.txt").is_file()
    assert "158 photos" in said[0]
    assert pull(source=official, say=said.append) == folder
    assert "nothing to do" in said[1]


def test_from_a_local_copy_to_a_folder(small: Path, tmp_path: Path) -> None:
    for number, source in enumerate((small, small.parent)):
        target = tmp_path / "deep" / str(number)
        assert pull(target, source) == target
        assert load_dataset(target).label == "dreambooth@4f887af"
        assert not (target / "cup").is_symlink()
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["0", "1"]
    empty = tmp_path / "empty"
    empty.mkdir()
    pull(empty, small)
    assert load_dataset(empty)["dog"].category == "live"


def test_over_http(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tarfile.TarInfo("dreambooth-4f887af/dataset/../../../outside.jpg")
    absolute = tarfile.TarInfo(str(tmp_path / "absolute.jpg"))
    unknown = tarfile.TarInfo("dreambooth-4f887af/dataset/dog/99.jpg")
    link = tarfile.TarInfo("dreambooth-4f887af/dataset/prompts_and_classes.txt")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    outside.size = absolute.size = unknown.size = 5
    with _Server(_archive(small, (outside, absolute, unknown, link))) as url:
        monkeypatch.setattr(pulling, "URL", url)
        folder = pull()
    assert load_dataset().label == "dreambooth@4f887af"
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert files == ["cup/00.jpg", "cup/01.jpg", "dog/00.jpg", "dog/01.jpg", "references_and_licenses.txt"]
    assert list(folder.parent.iterdir()) == [folder]
    assert not list(tmp_path.rglob("outside.jpg")) + list(tmp_path.rglob("absolute.jpg"))


def test_a_damaged_cache_is_replaced(small: Path) -> None:
    folder = pull(source=small)
    (folder / "dog" / "01.jpg").write_bytes(b"")
    (folder / "dog" / "77.jpg").write_bytes(b"")
    assert pull(source=small) == folder
    assert load_dataset().label == "dreambooth@4f887af"
    assert list(folder.parent.iterdir()) == [folder]


def test_a_users_folder_is_never_replaced(small: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(DreambenchError, match=r"not empty.*--to FOLDER"):
        pull(target, small)
    assert (target / "thesis.txt").read_text() == "years of work"
    with pytest.raises(DreambenchError, match="is a file"):
        pull(target / "thesis.txt", small)


def test_a_bad_source(small: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "target"
    (tmp_path / "other").mkdir()
    for source, reason in {
        tmp_path / "nowhere": "does not exist",
        tmp_path / "other": "does not contain the official dataset",
        small / "references_and_licenses.txt": "is a file",
    }.items():
        with pytest.raises(DreambenchError, match=reason):
            pull(target, source)
        assert not target.parent.exists()
    (small / "dog" / "00.jpg").unlink()
    (small / "cup" / "01.jpg").write_bytes(b"junk")
    with pytest.raises(DreambenchError, match=r"cup/01\.jpg.*\(and 1 more\)"):
        pull(target, small)
    assert _nothing_left(target)


def test_no_network(small: Path) -> None:
    with pytest.raises(DreambenchError, match=r"data pull --from FOLDER.*--data FOLDER") as caught:
        pull()
    assert "\n" not in str(caught.value)
    assert _nothing_left(official_folder())


@pytest.mark.parametrize("fault", ["not found", "cut off", "shorter than announced", "no archive", "changed"])
def test_a_bad_download_leaves_nothing(small: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    whole = _archive(small)
    if fault == "changed":
        shutil.copyfile(small / "dog" / "00.jpg", small / "dog" / "01.jpg")
    server = {
        "not found": _Server(b"", status=404),
        "cut off": _Server(whole[: len(whole) // 2]),
        "shorter than announced": _Server(whole[:100], announce=len(whole)),
        "no archive": _Server(b"<html>sign in</html>"),
        "changed": _Server(_archive(small)),
    }[fault]
    with server as url:
        monkeypatch.setattr(pulling, "URL", url)
        with pytest.raises(DreambenchError) as caught:
            pull()
    assert ("dog/01.jpg" if fault == "changed" else url) in str(caught.value)
    assert _nothing_left(official_folder())


def test_a_full_disk(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DreambenchError, match=r"is full; free \d+ MB"):
        pull(source=small)
    assert _nothing_left(official_folder())
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with _Server(_archive(small)) as url:
        monkeypatch.setattr(pulling, "URL", url)
        with pytest.raises(DreambenchError, match="is full"):
            pull()
    assert _nothing_left(official_folder())


def test_an_interrupt_leaves_nothing(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pull(source=small)
    assert _nothing_left(official_folder())


def test_a_place_that_cannot_be_written(small: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DreambenchError, match=r"cannot write the official dataset.*DREAMBENCH_CACHE"):
        pull(tmp_path / "file" / "below", small)
