"""Creating a study: what enters the folder, what does not, and what is refused without leaving a trace."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from dreambench.cli import main
from dreambench.errors import DreambenchError
from dreambench.spec.run_spec import DataSpec
from dreambench.study.create import create_study
from dreambench.study.draw import Sizes
from dreambench.study.folder import StudyFolder, read_plan
from dreambench.study.server import listen
from dreambench.study.study_plan import Pair
from tests.analysis.material import image_row, make_run, make_spec
from tests.study.material import NOUNS, Visitor, make_study, make_two_runs, read_csv

SMALL = Sizes(1, 2, 1)


def refusal(*words: object, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line with which a command is refused."""
    with pytest.raises(SystemExit) as ended:
        main(["study", *(str(word) for word in words)])
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert printed.err.count("\n") == 1, printed.err
    return printed.err


def test_the_folder_stands_on_its_own(tmp_path: Path) -> None:
    folder = make_study(tmp_path)
    for source in ("ours", "theirs", "photos"):
        shutil.rmtree(tmp_path / source)
    moved = StudyFolder(folder.path.rename(tmp_path / "elsewhere"))
    visitor = Visitor(moved)
    path = visitor.start("subject-01-1")
    page = visitor.get(path).text
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(set(pictures) - {"/keys.js"}) == 4
    for picture in set(pictures) - {"/keys.js"}:
        assert visitor.get(picture).headers["content-type"] == "image/webp"


def test_pictures_give_nothing_away(tmp_path: Path) -> None:
    ours, theirs = make_two_runs(tmp_path)
    for file in sorted(ours.path.rglob("*.png")):
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", "made by ours")
        Image.open(file).save(file, pnginfo=info, icc_profile=b"made by ours", exif=_exif())
    create_study(ours.path, theirs.path, tmp_path / "study", sizes=SMALL, quiet=True)
    folder = StudyFolder(tmp_path / "study")
    pictures = list(folder.pictures.iterdir())
    assert pictures
    for file in pictures:
        assert re.fullmatch(r"[0-9a-f]{16}\.webp", file.name)
        assert b"made by" not in file.read_bytes()
        with Image.open(file) as picture:
            assert not {"exif", "xmp", "icc_profile"} & set(picture.info)
            assert picture.size == (200, 160)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0131] = "made by ours"  # Software
    return exif


def test_links_hold_the_tokens_and_nothing_else_does(tmp_path: Path) -> None:
    folder = make_study(tmp_path, url="https://study.example.org/")
    rows = read_csv(folder.links_file)
    assert [row["role"] for row in rows] == ["organizer", *["rater"] * 12]
    assert all(row["link"].startswith("https://study.example.org/") for row in rows)
    tokens = [row["link"].rsplit("/", 1)[1].encode() for row in rows]
    assert len(set(tokens)) == 13
    assert folder.links_file.stat().st_mode & 0o077 == 0
    for file in (folder.plan_file, folder.database_file):
        assert not any(token in file.read_bytes() for token in tokens)


def test_a_seed_fixes_the_pairs_but_not_the_tokens(tmp_path: Path) -> None:
    ours, theirs = make_two_runs(tmp_path)
    folders = [StudyFolder(tmp_path / name) for name in ("one", "two")]
    for folder in folders:
        create_study(ours.path, theirs.path, folder.path, sizes=SMALL, seed=7, quiet=True)
    plans = [read_plan(folder) for folder in folders]
    drawn = [[(p.name, p.subject, p.prompt_index, p.file_a, p.file_b) for p in plan.pairs] for plan in plans]
    assert drawn[0] == drawn[1]
    assert plans[0].raters == plans[1].raters
    links = [{row["link"] for row in folder.links()} for folder in folders]
    assert not links[0] & links[1]


def test_both_images_are_of_the_same_subject_and_prompt(tmp_path: Path) -> None:
    for pair in read_plan(make_study(tmp_path)).pairs:
        assert isinstance(pair, Pair)
        place = f"images/{pair.subject}/{pair.prompt_index:02d}-"
        assert pair.file_a.startswith(place)
        assert pair.file_b.startswith(place)
        assert NOUNS[pair.subject] in pair.text
        assert "sks" not in pair.text


def test_only_common_cells_are_drawn(tmp_path: Path) -> None:
    rows = [image_row("ant", prompt, 0, (0.5, 0.5, 0.5)) for prompt in range(4)]
    missing = image_row("ant", 1, 0, None)
    a = make_run(tmp_path / "a", [rows[0], missing, rows[2]], subjects=["ant"], pictures=True)
    b = make_run(tmp_path / "b", [rows[0], rows[1], rows[3]], subjects=["ant"], pictures=True)
    plan = create_study(
        a.path, b.path, tmp_path / "study", sizes=Sizes(1, 1, 1), studies=["prompt"], quiet=True
    )
    assert [(pair.subject, pair.prompt_index) for pair in plan.pairs] == [("ant", 0)]
    with pytest.raises(DreambenchError, match=r"share 1 cells .* need 2"):
        create_study(a.path, b.path, tmp_path / "more", sizes=SMALL, quiet=True)


def test_runs_of_other_photos_are_refused(tmp_path: Path) -> None:
    rows = [image_row("ant", 0, 0, (0.5, 0.5, 0.5))]
    a = make_run(tmp_path / "a", rows, subjects=["ant"])
    b = make_run(tmp_path / "b", rows, subjects=["ant"], spec=make_spec(data=DataSpec(label="mine@1")))
    with pytest.raises(DreambenchError, match=r"dataset dreambooth@4f887af, .*b uses mine@1"):
        create_study(a.path, b.path, tmp_path / "study", quiet=True)


def test_an_image_that_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    ours, theirs = make_two_runs(tmp_path)
    shutil.rmtree(theirs.path / "images")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DreambenchError, match=r"image of the study .*theirs/images.* does not exist"):
        create_study(ours.path, theirs.path, tmp_path / "study", sizes=SMALL, quiet=True)
    assert sorted(tmp_path.iterdir()) == before


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = make_two_runs(tmp_path)
    runs, out = (ours.path, theirs.path), tmp_path / "study"

    def refused(*words: object) -> str:
        line = refusal(*words, capsys=capsys)
        assert not out.exists()
        return line

    assert "share 12 cells" in refused("create", *runs, "--out", out)
    assert "(no run.json)" in refused("create", tmp_path, theirs.path, "--out", out)
    assert "given twice" in refused("create", ours.path, ours.path, "--out", out)
    assert "beauty is not a study" in refused("create", *runs, "--out", out, "--studies", "beauty")
    for url in (
        "study",
        "http://",
        "http://a b",
        "http://[::1",
        "http://a:b",
        "http://a/?q=1",
        "http://a/#x",
    ):
        assert f"--url {url} is not a web address" in refused("create", *runs, "--out", out, "--url", url)
    assert "--questions" in refused("create", *runs, "--out", out, "--questions", "0")
    assert "already exists" in refusal("create", *runs, "--out", tmp_path, capsys=capsys)
    assert "is not a study folder" in refused("serve", tmp_path)
    assert "is not a study folder" in refused("export", tmp_path)

    words = ["create", *runs, "--out", out, "--questionnaires", 2, "--questions", 3, "--checks", 1, "--json"]
    with pytest.raises(SystemExit) as ended:
        main(["study", *(str(word) for word in words)])
    assert not ended.value.code
    made = json.loads(capsys.readouterr().out)
    assert (made["raters"], made["pairs"], made["checks"]) == (12, 12, 4)


def test_a_damaged_study_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_study(tmp_path)
    whole = folder.plan_file.read_text(encoding="utf-8")

    def refused(text: str) -> str:
        folder.plan_file.write_text(text, encoding="utf-8")
        return refusal("serve", folder.path, "--port", 0, capsys=capsys)

    assert "study.json is damaged" in refused(whole[:100])
    picture = read_plan_picture(whole)
    assert "picture_a" in refused(whole.replace(f'"{picture}"', '"../../../etc/passwd"'))
    folder.plan_file.write_text(whole, encoding="utf-8")
    file = folder.picture(picture)
    secret = tmp_path / "secret.webp"
    file.rename(secret)
    assert f"{file} is missing" in refused(whole)
    file.symlink_to(secret)
    assert "leads out of the study" in refused(whole)
    file.unlink()
    secret.rename(file)
    with closing(sqlite3.connect(folder.database_file)) as connection, connection:
        connection.execute("ALTER TABLE answers RENAME TO lost")
    line = refusal("export", folder.path, capsys=capsys)
    assert "study.db cannot be read as a study's answers: no such table" in line
    with closing(sqlite3.connect(folder.database_file)) as connection, connection:
        connection.execute("DELETE FROM settings WHERE name = 'stamp_key'")
    assert "study.db cannot be read as a study's answers: it has no stamp_key" in refused(whole)
    folder.database_file.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    assert "study.db cannot be read" in refused(whole)
    folder.database_file.unlink()
    assert "study.db cannot be read" in refused(whole)
    assert not folder.database_file.exists()
    folder.database_file.symlink_to(folder.database_file.name)  # a circle
    assert "study.db cannot be read" in refused(whole)


def read_plan_picture(text: str) -> str:
    """Return the first pair's first picture."""
    return str(json.loads(text)["pairs"][0]["picture_a"])


def test_a_port_that_is_taken_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_study(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal("serve", folder.path, "--port", port, capsys=capsys)
    assert f"--port {port}" in line
    assert "give another --port" in line


@pytest.mark.parametrize("package", ["itsdangerous", "starlette", "uvicorn"])
def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    line = refusal("serve", tmp_path, capsys=capsys)
    assert f"needs {package}" in line
    assert "pip install 'dreambench[study]'" in line


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_small_pages_do_not_wait_for_an_acknowledgement(host: str) -> None:
    with listen(host, 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio looks at before it sets TCP_NODELAY
