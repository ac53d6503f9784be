"""A small run with pictures, and the page as a parsed document."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dreambench.store import RunFolder
from tests.analysis.material import make_run, two_subjects, two_subjects_tables
from tests.material.chromium import SharedBrowser


class Document(HTMLParser):
    """What a browser would see: every element with its attributes, all text but styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in {"td", "th"}:
            self.text += " "
        if tag in {"style", "script"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"style", "script"}:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text += data

    def all(self, tag: str, css_class: str | None = None) -> list[dict[str, str]]:
        """Return the attributes of the elements of a tag, or of those with a class."""
        found = [attributes for name, attributes in self.elements if name == tag]
        return [a for a in found if css_class is None or css_class in a.get("class", "").split()]

    @property
    def words(self) -> str:
        """The text with single spaces."""
        return " ".join(self.text.split())


def read_page(page: Path) -> Document:
    """Parse a page."""
    return Document(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def _one_browser() -> Iterator[None]:
    """A module's tests share a browser: to start it takes longer than what they do with it."""
    with SharedBrowser():
        yield


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Two subjects, 7 of 8 images, pictures and photos."""
    return make_run(
        tmp_path / "my-run",
        two_subjects(),
        pictures=True,
        tables=two_subjects_tables(),
        status="partial",
        notes=["Images are noise: randomly initialized test models."],
    )
