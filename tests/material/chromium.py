"""A headless Chromium, if the machine has one, and a server that can be killed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
VIEWPORT = {"width": 1280, "height": 900}
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


class SharedBrowser:
    """One browser for several tests, started at its first use; each page still has a profile of its own."""

    _now: SharedBrowser | None = None

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._browser: Any = None

    def __enter__(self) -> SharedBrowser:
        SharedBrowser._now = self
        return self

    def __exit__(self, *_: object) -> None:
        SharedBrowser._now = None
        self._stack.close()

    @property
    def browser(self) -> Any:
        """The browser; a new one if the last one has crashed."""
        if self._browser is None or not self._browser.is_connected():
            self._stack.close()
            self._browser = self._stack.enter_context(_started())
        return self._browser


@contextmanager
def chromium() -> Iterator[Any]:
    """Open the browser, or the one that is shared; the test is skipped if there is no browser."""
    if SharedBrowser._now is not None:
        yield SharedBrowser._now.browser
        return
    with _started() as browser:
        yield browser


@contextmanager
def _started() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(FLAGS), headless=True)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(page: Path, **options: Any) -> Iterator[Any]:
    """Open a page from disk; afterwards check that it sent no request and logged nothing."""
    asked: list[str] = []
    said: list[str] = []
    with chromium() as browser, browser.new_context(**{"viewport": VIEWPORT, **options}) as context:
        context.on("request", lambda request: asked.append(request.url))
        context.set_default_timeout(60_000)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(page.resolve().as_uri())
        yield tab
        assert said == []
        assert asked
        assert all(url.startswith(("file:", "data:")) for url in asked)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """``dreambench study serve`` in a process of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self._command = [
            sys.executable,
            "-m",
            "dreambench",
            "study",
            "serve",
            str(folder),
            "--port",
            str(port),
        ]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start the server and return its first line, which it prints once it listens."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(self._command, env=environment, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        return self._process.stderr.readline()

    def kill(self) -> None:
        """Kill the server as ``kill -9`` does: no handler runs, nothing is flushed."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def until(page: Any, expression: str) -> None:
    """Wait until an expression is true; Playwright's own wait needs `eval`, which our pages forbid."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {expression}")
