"""Pages of the documentation site that are made from the program: the command line and the metrics.

mkdocs calls ``on_files`` (a hook, see mkdocs.yml). Nothing is written into the tree.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from mkdocs.structure.files import File, Files

from dreambench.spec.registries import METRICS, get_metric, in_table_order


def on_files(files: Files, config: Any) -> Files:
    """Add ``command-line.md`` and ``metrics.md``."""
    for name, content in (("command-line.md", command_line()), ("metrics.md", metrics())):
        files.append(File.generated(config, name, content=content))
    return files


def command_line() -> str:
    """Return every command with its options, as typer documents it."""
    command = [sys.executable, "-m", "typer", "dreambench.cli", "utils", "docs", "--name", "dreambench"]
    plain = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=plain).stdout
    return text.replace("# `dreambench`", "# Command line", 1)


def metrics() -> str:
    """Return the page of the metrics, from the objects that compute them."""
    lines = [
        "# Metrics",
        "",
        "What each metric measures, which images it compares, and where its definition comes from. "
        "`dreambench metrics` prints the same; a package adds its own as [Extending](extending.md) shows.",
    ]
    for name in in_table_order(METRICS.names()):
        metric = get_metric(name)
        better = "higher" if metric.higher_is_better else "lower"
        low, high = metric.range
        facts = {
            "name": f"`{name}`",
            "better": better,
            "range": f"from {low:g}" if high == float("inf") else f"{low:g} to {high:g}",
            "compares": metric.compares,
            "encoder": metric.encoder,
            "aggregation": metric.aggregation,
            "source": metric.source,
        }
        lines += ["", f"## {metric.title}", "", f"{metric.definition[0].upper()}{metric.definition[1:]}.", ""]
        lines += ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in facts.items())]
    return "\n".join(lines) + "\n"
