"""``dreambench identifiers``, ``presets``, ``metrics`` and ``published``: what can be looked up."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated

import typer

from dreambench.cli.options import Json
from dreambench.cli.printing import print_whole
from dreambench.paths import from_here


def identifiers(
    tokenizer: Annotated[
        str,
        typer.Option(
            "--tokenizer", metavar="ID|FOLDER", help="A hub id, or a folder: a tokenizer's or a pipeline's."
        ),
    ] = "openai/clip-vit-large-patch14",
    count: Annotated[int, typer.Option("--count", min=1, help="How many to draw.")] = 10,
    length: Annotated[int, typer.Option("--length", min=1, max=3, help="Tokens in each.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The draw's seed.")] = 0,
    json: Json = False,
) -> None:
    """Draw rare-token identifiers (paper, section 3.2) from a tokenizer's vocabulary.

    With a pipeline's folder the draw is a run's: among the tokens that do least to its CLIP text encoder, or
    three consonants for a language model.
    """
    from dreambench.methods.identifiers import draw_for, load_tokenizer

    loaded = load_tokenizer(tokenizer)
    drawn = draw_for(tokenizer, loaded, count, length, seed)
    if json:
        ids = {text: loaded(text, add_special_tokens=False)["input_ids"] for text in drawn}
        typer.echo(
            json_library.dumps({"tokenizer": tokenizer, "seed": seed, "identifiers": drawn, "ids": ids})
        )
    else:
        typer.echo("\n".join(drawn))


def presets(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME|FILE", help="A preset's name or a YAML file; none lists them."),
    ] = None,
    json: Json = False,
) -> None:
    """List the presets, or show one with every field resolved."""
    import yaml

    from dreambench.spec.presets import build_spec, preset_names, read_preset

    if name is None:
        described = {n: str(read_preset(n).get("description", "")) for n in preset_names()}
        lines = [f"{n}: {text}" for n, text in described.items()]
        typer.echo(json_library.dumps(described) if json else "\n".join(lines))
        return
    fields = build_spec(name).model_dump(mode="json")
    typer.echo(json_library.dumps(fields) if json else yaml.safe_dump(fields, sort_keys=False).rstrip())


def metrics(*, json: Json = False) -> None:
    """List the metrics that are installed: what each measures, its direction, its encoder, its source."""
    import math

    from dreambench.spec.registries import METRICS, get_metric, in_table_order

    found = [get_metric(name) for name in in_table_order(METRICS.names())]
    if json:
        fields = (
            *("title", "definition", "compares", "encoder", "higher_is_better", "aggregation", "source"),
            *("licence", "agreement"),
        )
        described = {
            metric.name: {
                **{field: getattr(metric, field) for field in fields},
                "range": [end if math.isfinite(end) else None for end in metric.range],
            }
            for metric in found
        }
        typer.echo(json_library.dumps(described))
        return
    for metric in found:
        better = "higher" if metric.higher_is_better else "lower"
        typer.echo(
            f"{metric.name}  {metric.heading}\n"
            f"  {metric.definition}\n"
            f"  {better} is better, {metric.limits}; encoder {metric.encoder}; {metric.aggregation}\n"
            f"  {metric.source}; weights: {metric.licence or 'its own'}\n"
            f"  with people: {metric.agreement}"
        )


def published(
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="Write the page, such as docs/published.md.")
    ] = None,
    json: Json = False,
) -> None:
    """List published results with their source, and what is known and not known of their protocol."""
    from dreambench.literature.reported import conflicts, reported_results

    results = reported_results()
    if page is not None:
        from dreambench.report.reported_table import published_page
        from dreambench.store.files import write_text

        write_text(page, published_page())
        typer.echo(f"page: {from_here(page)}", err=True)
    if json:
        rows = [
            {**each.model_dump(mode="json"), "conflicts": [other.name for other in conflicts(each)]}
            for each in results
        ]
        typer.echo(json_library.dumps({"results": rows}, indent=1))
        return
    from dreambench.report.reported_table import reported_table
    from dreambench.report.table import to_terminal

    print_whole(to_terminal(reported_table(results)))
