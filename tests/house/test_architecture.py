"""docs/architecture.md says where things are: every path that it names exists, and every room is named."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def _part(heading: str) -> str:
    return TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_every_thing_is_where_the_page_says() -> None:
    paths = re.findall(r"`([^`]+)` \|$", _part("Where is X?"), flags=re.MULTILINE)
    assert len(paths) == 12
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_every_room_has_a_floor() -> None:
    named = set(
        re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| \d .*", _part("Rooms and floors"), flags=re.M)))
    )
    rooms = {
        path.stem
        for path in (ROOT / "dreambench").iterdir()
        if not path.name.startswith("__") and path.name != "py.typed"
    }
    assert rooms <= named


def test_the_workflow_scores_the_images_that_its_baseline_has() -> None:
    workflow = yaml.safe_load((ROOT / "docs/workflows/dreambench.yml").read_text(encoding="utf-8"))["env"]
    words = f"--subjects {workflow['SUBJECTS']} --prompts {workflow['PROMPTS']}"
    written = (
        f"dreambench score --images images-seed0 {words} --images-per-prompt {workflow['IMAGES_PER_PROMPT']}"
    )
    assert written in (ROOT / "docs/ci.md").read_text(encoding="utf-8")
