"""What raters wait for: 100 of them at once against `dreambench study serve`, on loopback.

    python benchmarks/study_load.py [--raters 100] [--seconds 30] [--think 2.0] [--pixels 512]

Each rater is a browser that keeps four connections: it loads the question, then the question's images at
once, thinks, and sends the answer, which is committed to the disk before the redirect to the next question.
Thinking takes 0.5 to 1.5 times --think seconds; people take five times that, so the load is heavier than a
real study's. The first questions are spread over one time of thinking. Reported is the time of every
request, from its first byte sent to its last byte received, and the time from an answer to the next
question with all of its images ("turn"), of which the goal says nothing. The client runs on the same machine
and in one process: its own work is in the numbers.

Afterwards the answers in the database are compared with those that were confirmed to the raters: none may
be missing. It stops by itself after --seconds (at most 120). The goal is a p95 below 100 ms for each kind of
request; exit code 1 where it is missed, where a request fails, or where an answer is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from dreambench.study.create import create_study  # noqa: E402
from dreambench.study.database import Database  # noqa: E402
from dreambench.study.draw import Sizes  # noqa: E402
from dreambench.study.folder import StudyFolder  # noqa: E402
from tests.analysis.material import image_row, make_run  # noqa: E402

GOAL = 0.100  # seconds
CONNECTIONS = 4  # per rater; a browser opens up to six
QUESTIONS = 60  # of each rater
_PICTURE = re.compile(rb'<img src="([^"]+)"')
_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


class HttpConnection:
    """One keep-alive connection that sends one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Return the status and the content."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Length: {len(body)}\r\n"
        )
        head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        writer.write(head.encode() + body)
        received = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", received)
        content = await reader.readexactly(int(length[1])) if length else b""
        return int(received.split(b" ", 2)[1]), content

    def close(self) -> None:
        """Close it, if it was opened."""
        if self._streams is not None:
            self._streams[1].close()


@dataclass
class Times:
    """Seconds by kind of request, how many answers were confirmed, and what went wrong."""

    kinds: dict[str, list[float]] = field(default_factory=dict)
    confirmed: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, seconds: float) -> None:
        """Note one measurement."""
        self.kinds.setdefault(kind, []).append(seconds)


class SimulatedRater:
    """One rater's browser."""

    def __init__(self, link: str, times: Times, think: float) -> None:
        parts = urlsplit(link)
        self._path, self._times, self._think = parts.path, times, think
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        self._pool = [HttpConnection(host, port) for _ in range(CONNECTIONS)]

    async def work(self, end: float) -> None:
        """Answer questions until ``end`` (of the monotonic clock)."""
        try:
            await asyncio.sleep(random.uniform(0, self._think))
            await self._timed("consent", self._pool[0], "POST", f"{self._path}/consent", expected=303)
            page = await self._load()
            while time.monotonic() < end:
                await asyncio.sleep(self._think * random.uniform(0.5, 1.5))
                fields = dict(_FIELD.findall(page.decode()))
                if not fields:
                    return  # all is answered
                answer = {**fields, "answer": random.choice(("left", "right"))}
                body, start = urlencode(answer).encode(), time.perf_counter()
                await self._timed("answer", self._pool[0], "POST", f"{self._path}/answer", body, 303)
                self._times.confirmed += 1
                page = await self._load()
                self._times.add("turn", time.perf_counter() - start)
        except (OSError, asyncio.IncompleteReadError, RuntimeError) as error:
            self._times.failures.append(f"{type(error).__name__}: {error}")
        finally:
            for connection in self._pool:
                connection.close()

    async def _load(self) -> bytes:
        page = await self._timed("page", self._pool[0], "GET", self._path)
        pictures = sorted(set(_PICTURE.findall(page)))
        lanes = [pictures[lane::CONNECTIONS] for lane in range(CONNECTIONS)]
        await asyncio.gather(*map(self._fetch, self._pool, lanes))
        return page

    async def _fetch(self, connection: HttpConnection, pictures: list[bytes]) -> None:
        for picture in pictures:
            await self._timed("image", connection, "GET", picture.decode())

    async def _timed(
        self,
        kind: str,
        connection: HttpConnection,
        method: str,
        path: str,
        body: bytes = b"",
        expected: int = 200,
    ) -> bytes:
        start = time.perf_counter()
        status, content = await connection.request(method, path, body)
        self._times.add(kind, time.perf_counter() - start)
        if status != expected:
            raise RuntimeError(f"{kind}: status {status}")
        return content


def make_material(folder: Path, raters: int, pixels: int) -> StudyFolder:
    """Create a subject study for so many raters, with images as heavy as a diffusion model's."""
    questionnaires = -(-raters // 3)
    names = [f"subject{number}" for number in range(-(-questionnaires * QUESTIONS // 25))]
    rng, runs = np.random.default_rng(0), []
    for name in ("ours", "theirs"):
        # A dozen files stand for all: encoding them is not what is measured.
        drawn = [str(_draw(folder / f"{name}-{number}.png", rng, pixels)) for number in range(12)]
        rows = [
            image_row(subject, prompt, 0, (0.5, 0.5, 0.5), file=drawn[(number + prompt) % 12])
            for number, subject in enumerate(names)
            for prompt in range(25)
        ]
        photos = dict.fromkeys(names, drawn[:4])
        runs.append(make_run(folder / name, rows, subjects=names, photos=photos))
    sizes = Sizes(questionnaires, QUESTIONS, 3)
    paths = [run.path for run in runs]
    create_study(*paths, folder / "study", sizes=sizes, studies=["subject"], quiet=True)
    return StudyFolder(folder / "study")


def _draw(file: Path, rng: np.random.Generator, pixels: int) -> Path:
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((pixels, pixels), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = rng.integers(-6, 7, smooth.shape, dtype=np.int16)
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(file)
    return file


async def load(links: list[str], seconds: float, think: float) -> Times:
    """Let all raters work for so many seconds; a request that hangs is a failure, not a longer run."""
    times = Times()
    end = time.monotonic() + seconds
    tasks = [asyncio.create_task(SimulatedRater(link, times, think).work(end)) for link in links]
    _, hanging = await asyncio.wait(tasks, timeout=seconds + 2 * think + 10)
    for task in hanging:
        task.cancel()
        times.failures.append("a request never ended")
    return times


def measure(folder: StudyFolder, raters: int, seconds: float, think: float) -> Times:
    """Start the server, send the raters, stop it."""
    command = [sys.executable, "-m", "dreambench", "study", "serve", str(folder.path), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        found = re.search(r"http://[\d.]+:\d+", server.stderr.readline())
        if found is None:
            raise SystemExit("the server did not start")
        paths = [urlsplit(row["link"]).path for row in folder.links() if row["role"] == "rater"]
        return asyncio.run(load([found[0] + path for path in paths[:raters]], seconds, think))
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.communicate(timeout=10)
        server.kill()


def main() -> int:
    """Measure, print the table, and say whether the goal is met."""
    parser = argparse.ArgumentParser(description="What raters of a study wait for.")
    parser.add_argument("--raters", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--think", type=float, default=2.0)
    parser.add_argument("--pixels", type=int, default=512)
    options = parser.parse_args()
    raters, seconds = max(1, min(options.raters, 200)), min(options.seconds, 120.0)
    with tempfile.TemporaryDirectory() as place:
        folder = make_material(Path(place), raters, options.pixels)
        sizes = [file.stat().st_size / 1024 for file in folder.pictures.iterdir()]
        times = measure(folder, raters, seconds, options.think)
        kept = len(Database(folder.database_file).answers())
    print(f"{raters} raters, {seconds:g} s, a thought takes {options.think:g} s on average; ", end="")
    print(f"images of {np.mean(sizes):.0f} KB")
    requests = [value for kind, values in times.kinds.items() if kind != "turn" for value in values]
    print(f"{'milliseconds':16}{'count':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'most':>9}")
    for kind, values in {**times.kinds, "all requests": requests}.items():
        p50, p95, p99 = (1000 * np.percentile(values, q) for q in (50, 95, 99))
        print(f"{kind:16}{len(values):>8}{p50:>9.1f}{p95:>9.1f}{p99:>9.1f}{1000 * max(values):>9.1f}")
    worst = max(float(np.percentile(values, 95)) for kind, values in times.kinds.items() if kind != "turn")
    print(
        f"{len(requests) / seconds:.0f} requests a second; {kept} answers kept of {times.confirmed} confirmed"
    )
    for failure in sorted(set(times.failures))[:5]:
        print(f"failed {times.failures.count(failure)} times: {failure}")
    met = worst < GOAL and not times.failures and kept >= times.confirmed
    verdict = "met" if met else "MISSED"
    print(f"worst p95 of a kind of request {1000 * worst:.1f} ms, goal {1000 * GOAL:.0f} ms: {verdict}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
