"""The floors hold: an import may only go down, no two things have one name, and the top stays small."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("dreambench", "miniature")


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("room", "line", "named"),
    [
        ("store", "from dreambench.metrics import scoring", "dreambench.store is not allowed to import"),
        ("study", "from dreambench.report import page", "dreambench.study is not allowed to import"),
    ],
)
def test_a_planted_upward_import_fails(tmp_path: Path, room: str, line: str, named: str) -> None:
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "dreambench" / room / "planted.py").write_text(f"{line}\n")
    done = _lint(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert named in done.stdout
    assert f"dreambench.{room}.planted" in done.stdout


def _files() -> list[Path]:
    return [file for name in PACKAGES for file in (ROOT / name).rglob("*.py")]


def test_every_library_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {_normal(re.split(r"[\[>=]", line)[0]) for line in lines}
    # Part of pydantic; and asked for by name where a photo needs it.
    declared |= {"pydantic-core", "pillow-heif"}
    imported = {
        name.split(".")[0]
        for file in (ROOT / "dreambench").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module])
        if name
    }
    sources = packages_distributions()
    others = imported - set(sys.stdlib_module_names) - {"dreambench"}
    unknown = {name for name in others if not declared & set(map(_normal, sources.get(name, [name])))}
    assert "torch" in others
    assert unknown == set()


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_no_two_files_have_one_name() -> None:
    names = Counter(file.name for file in _files() if not file.name.startswith("__"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for file in _files()
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_the_top_of_the_package_has_18_entries_at_most() -> None:
    apart = {"__init__.py", "__main__.py", "__pycache__", "py.typed"}
    assert len({path.name for path in (ROOT / "dreambench").iterdir()} - apart) <= 18
