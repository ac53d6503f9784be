"""Writing a ranking of metrics and judges: a page, tables, full precision; and its tables on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.text import Text

from dreambench.human.correlation.ranking_results import Rankings
from dreambench.report.correlation.ranking_tables import ranking_csv, ranking_facts, ranking_tables
from dreambench.report.html import render_tables
from dreambench.report.table import markdown_text, to_markdown, to_terminal
from dreambench.store.files import write_text

TITLE = "Which scores follow people"


def write_ranking(found: Rankings, out: Path) -> Path:
    """Write ``ranking.html``, ``.md``, ``.csv`` and ``.json`` into the folder ``out``; return the page.

    Raises DreambenchError where ``out`` cannot be written.
    """
    tables, facts = ranking_tables(found), ranking_facts(found)
    parts = [f"# {TITLE}", "\n".join(f"- {markdown_text(fact)}" for fact in facts)]
    for content in tables:
        parts += [f"## {content.title}", to_markdown(content).rstrip(), markdown_text(content.note)]
    write_text(out / "ranking.json", found.model_dump_json(indent=1) + "\n")
    write_text(out / "ranking.csv", ranking_csv(found))
    write_text(out / "ranking.md", "\n\n".join(parts) + "\n")
    page = out / "ranking.html"
    write_text(page, render_tables(TITLE, found.source, facts, tables))
    return page


def ranking_terminal(found: Rankings) -> Group:
    """Return the sentences and the tables, to be printed with ``rich``."""
    parts: list[object] = [Text(fact) for fact in ranking_facts(found)]
    for content in ranking_tables(found):
        parts += [Text(), to_terminal(content)]
    return Group(*parts)  # type: ignore[arg-type]
