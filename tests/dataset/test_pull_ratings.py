"""Pulling the public ratings: from a local copy and over HTTP, whole and verified or not at all."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dreambench.cli.data_command import app
from dreambench.dataset import pinned_files, pull_ratings, pulling
from dreambench.dataset.pinned_files import IMAGENHUB
from dreambench.errors import DreambenchError

CONTENT = {"S_rater1.tsv": b"uid\tA\r\n", "autometrics/A.json": b"{}"}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files that are the ratings for the length of a test; the host is a port where nothing listens."""
    folder, data = tmp_path / "copy", tmp_path / "data"
    (data / "manifests").mkdir(parents=True)
    rows = ["# a comment", "file,repository,commit,path,sha256,bytes"]
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        rows.append(f"{name},own/er,abcdef0123,deep/{Path(name).name},{digest},{len(content)}")
    (data / "manifests" / "imagenhub.csv").write_text("\n".join(rows) + "\n")
    monkeypatch.setattr(pinned_files, "data_folder", lambda: data)
    monkeypatch.setattr(pinned_files, "HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(pulling, "RETRIES", 0)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return folder


class _Host:
    """A code host with some files by address; it remembers what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200 if self.path in files else 404)
                self.end_headers()
                self.wfile.write(files.get(self.path, b""))

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> _Host:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _served(**changes: bytes) -> dict[str, bytes]:
    files = {f"/own/er/abcdef0123/deep/{Path(name).name}": content for name, content in CONTENT.items()}
    return {**files, **{f"/own/er/abcdef0123/deep/{name}": content for name, content in changes.items()}}


def _nothing_left(folder: Path) -> bool:
    return not folder.exists() and (not folder.parent.exists() or not list(folder.parent.iterdir()))


def test_over_http_at_the_pinned_commit(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _Host(_served()) as host:
        monkeypatch.setattr(pinned_files, "HOST", host.url)
        said: list[str] = []
        folder = pull_ratings(say=said.append)
        assert sorted(host.asked) == sorted(_served())
        assert pull_ratings(say=said.append) == folder
        assert len(host.asked) == 2
    assert folder == IMAGENHUB.folder
    assert folder.name == "imagenhub-abcdef0"
    assert {name: (folder / name).read_bytes() for name in CONTENT} == CONTENT
    assert list(folder.parent.iterdir()) == [folder]
    assert "2 files, each verified" in said[0]
    assert "nothing to do" in said[1]


def test_a_changed_or_missing_file_leaves_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = _served()
    changed["/own/er/abcdef0123/deep/A.json"] = b"{ }"
    missing = _served()
    del missing["/own/er/abcdef0123/deep/A.json"]
    for files, reason in ((changed, "other SHA-256"), (missing, "404")):
        with _Host(files) as host:
            monkeypatch.setattr(pinned_files, "HOST", host.url)
            with pytest.raises(DreambenchError, match=rf"deep/A\.json.*{reason}.*--from FOLDER"):
                pull_ratings()
        assert _nothing_left(IMAGENHUB.folder)


def test_no_network_is_one_line(copy: Path) -> None:
    with pytest.raises(DreambenchError, match=r"no connection.*--data FOLDER") as caught:
        pull_ratings()
    assert "\n" not in str(caught.value)
    assert _nothing_left(IMAGENHUB.folder)


def test_from_a_local_copy(copy: Path, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "target"
    assert pull_ratings(target, copy) == target
    assert IMAGENHUB.problems(target) == []
    for source, reason in ((tmp_path / "nowhere", "does not exist"), (copy / "S_rater1.tsv", "is a file")):
        with pytest.raises(DreambenchError, match=reason):
            pull_ratings(None, source)
    (copy / "S_rater1.tsv").write_bytes(b"uid\tA\n")  # as a checkout with other line ends has it
    with pytest.raises(DreambenchError, match=r"S_rater1\.tsv: differs"):
        pull_ratings(tmp_path / "other", copy)
    assert not (tmp_path / "other").exists()


def test_a_damaged_cache_is_replaced_and_a_users_folder_never(copy: Path, tmp_path: Path) -> None:
    folder = pull_ratings(source=copy)
    (folder / "S_rater1.tsv").write_bytes(b"")
    assert pull_ratings(source=copy) == folder
    assert IMAGENHUB.problems(folder) == []
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(DreambenchError, match="not empty"):
        pull_ratings(mine, copy)
    assert (mine / "thesis.txt").read_text() == "years of work"
    with pytest.raises(DreambenchError, match="is a file"):
        pull_ratings(mine / "thesis.txt", copy)


def test_the_command_pulls_the_ratings_by_name(copy: Path, tmp_path: Path) -> None:
    words = ["pull", "imagenhub", "--from", str(copy), "--to", str(tmp_path / "there")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert IMAGENHUB.problems(tmp_path / "there") == []
    assert CliRunner().invoke(app, ["pull", "something"]).exit_code == 2


def test_the_command_without_a_name_still_means_the_dataset(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["pull", "--from", str(tmp_path / "nowhere")])
    assert "dataset" in str(result.exception)


def test_the_manifest_is_that_of_the_real_ratings(imagenhub: Path) -> None:
    assert IMAGENHUB.problems(imagenhub) == []
    listed = IMAGENHUB.files
    assert sum(f.bytes for f in listed) == sum((imagenhub / f.file).stat().st_size for f in listed)
    assert listed[0].url == (
        "https://raw.githubusercontent.com/TIGER-AI-Lab/ImagenHub/439f72c9c0dc9e698171b5ee9e94eea9a0853536/"
        "eval/human_ratings/Subject-Driven_IG/Subject-Driven_IG_rater1.tsv"
    )
