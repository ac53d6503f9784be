"""The files that an ablation leaves in its folder."""

from __future__ import annotations

from pathlib import Path

from dreambench.analysis.ablation_summary import AblationSummary
from dreambench.report.ablation_figure import write_figure
from dreambench.report.ablation_tables import ablation_csv, ablation_latex, ablation_markdown
from dreambench.store.files import write_text


def write_ablation(summary: AblationSummary, folder: Path) -> None:
    """Write ``ablation.json``, ``.md``, ``.tex``, ``.csv`` and ``.svg`` into the ablation's folder."""
    write_text(folder / "ablation.json", summary.model_dump_json(indent=1) + "\n")
    write_text(folder / "ablation.md", ablation_markdown(summary))
    write_text(folder / "ablation.tex", ablation_latex(summary))
    write_text(folder / "ablation.csv", ablation_csv(summary))
    write_figure(summary, folder / "ablation.svg")
