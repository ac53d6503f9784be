"""Pages of the documentation site that are made from the program: the command line and the metrics.

mkdocs calls ``on_files`` (a hook, see mkdocs.yml). Nothing is written into the tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mkdocs.structure.files import File, Files

from dreambench.cli import plain_command
from dreambench.spec.registries import METRICS, get_metric, in_table_order


def on_files(files: Files, config: Any) -> Files:
    """Add ``command-line.md`` and ``metrics.md``."""
    for name, content in (("command-line.md", command_line()), ("metrics.md", metrics())):
        files.append(File.generated(config, name, content=content))
    return files


def command_line() -> str:
    """Return the help of every command, word for word."""
    lead = "Every command with its options, as `dreambench COMMAND --help` prints them."
    return "\n\n".join(["# Command line", lead, *_helps(plain_command(), "dreambench")]) + "\n"


def _helps(command: Any, name: str, above: Any = None) -> Iterator[str]:
    context = command.context_class(command, info_name=name, parent=above, terminal_width=80)
    title = context.command_path
    level = "##" if title.count(" ") < 2 else "###"
    yield f"{level} `{title}`\n\n```text\n{command.get_help(context)}\n```"
    for each in command.list_commands(context) if hasattr(command, "commands") else ():
        yield from _helps(command.get_command(context, each), each, context)


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
        facts = {
            "range": f"{metric.limits}, {better} is better",
            "compares with": metric.compares,
            "encoder": metric.encoder,
            "aggregation": metric.aggregation,
            "source": metric.source,
            "weights": metric.licence or "its own",
            "with people": metric.agreement,
        }
        lines += ["", f"## {metric.title}", "", f"{metric.definition[0].upper()}{metric.definition[1:]}.", ""]
        lines += [
            f"| name | `{name}` |",
            "|---|---|",
            *(f"| {key} | {value} |" for key, value in facts.items()),
        ]
    return "\n".join(lines) + "\n"
