"""The rows of the benchmark's table, and the Markdown that they become."""

from __future__ import annotations

import json
import platform
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.gpu.setup import Setup


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, what it stands beside, and whether its bar is met (None: no bar)."""

    what: str
    value: str
    beside: str = ""
    met: bool | None = None


Section = Callable[[Setup], Iterable[Row]]


def rows_of(name: str, section: Section, setup: Setup) -> Iterator[Row]:
    """Yield a section's rows; an error becomes a row of its own, and the next section goes on."""
    try:
        yield from section(setup)
    except Exception as error:
        traceback.print_exc()
        first = (str(error).strip().splitlines() or [""])[0]
        yield Row(name, "failed", f"{type(error).__name__}: {first}", False)
    if setup.device.type == "cuda":
        torch.cuda.empty_cache()


def card(device: torch.device) -> str:
    """Return the name of the device, with its memory if it is a GPU."""
    if device.type != "cuda":
        return f"CPU, {platform.machine()}"
    found = torch.cuda.get_device_properties(device)
    return f"{found.name}, {found.total_memory / 2**30:.0f} GiB"


def versions() -> str:
    """Return the versions that figures depend on."""
    from importlib.metadata import version

    names = ("torch", "diffusers", "transformers", "dreambench")
    return ", ".join(f"{name} {version(name)}" for name in names)


def markdown(device: torch.device, rows: Iterable[Row], seconds: float) -> str:
    """Return the table for docs/performance.md."""
    marks = {None: "", True: "met", False: "**missed**"}
    lines = [
        f"{card(device)}; {versions()}; {seconds:.0f} s in all.",
        "",
        "| what | figure | beside | bar |",
        "|---|---:|---|---|",
        *(f"| {r.what} | {r.value} | {r.beside.replace('|', '/')} | {marks[r.met]} |" for r in rows),
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path, device: torch.device, rows: list[Row], seconds: float) -> Path:
    """Write the table and the same figures as JSON; return the table's file."""
    table = folder / "gpu.md"
    table.write_text(markdown(device, rows, seconds), encoding="utf-8")
    content = {"device": card(device), "versions": versions(), "rows": [asdict(row) for row in rows]}
    (folder / "gpu.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return table
