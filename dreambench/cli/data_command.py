"""The commands ``dreambench data pull | init | verify | show``."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from dreambench.cli.options import Json
from dreambench.cli.printing import print_whole
from dreambench.dataset import (
    Dataset,
    Subject,
    load_dataset,
    official_prompts,
    official_subjects,
    pull,
    pull_prompts,
    pull_ratings,
    verify,
)
from dreambench.dataset.official import NAME, VERSION, official_fingerprint, official_folder
from dreambench.dataset.own_list import unused_parts, write_list
from dreambench.dataset.prompts import CATEGORIES
from dreambench.dataset.subject_pairs import with_pairs
from dreambench.errors import DreambenchError
from dreambench.spec.presets import protocol_spec
from dreambench.spec.protocol_spec import ProtocolSpec

app = typer.Typer(no_args_is_help=True)

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="A dataset's folder (default: the one that `pull` made)."),
]


class Pulled(StrEnum):
    """What can be pulled."""

    dreambooth = "dreambooth"
    imagenhub = "imagenhub"
    custom_concept_101 = "custom-concept-101"
    dreambench_plus = "dreambench-plus"
    dsh_bench = "dsh-bench"
    dreambench_plus_prompts = "dreambench-plus-prompts"


#: Where the data lie that no public file at a fixed address has.
ELSEWHERE = {
    Pulled.custom_concept_101: "github.com/adobe-research/custom-diffusion, folder customconcept101, with "
    "benchmark_dataset.zip (Google Drive 1jj8JMtIS5-8vRtNtZ2x8isieWH9yetuK) unpacked into it",
    Pulled.dreambench_plus: "Google Drive 17HNVYU5yvuHDC6VhesJsWsXo1UWy_CSs, by "
    "github.com/yuangpeng/dreambench_plus",
    Pulled.dsh_bench: "github.com/sunriverhzy/DSH-Bench: data/DSH-Bench_image_info.json, with "
    "DSH-bench_data/images copied beside it",
}


@app.command("pull", short_help="Fetch the photos, the public ratings, or a judge's prompts.")
def pull_command(
    name: Annotated[
        Pulled,
        typer.Argument(
            metavar="NAME",
            help="dreambooth, imagenhub or dreambench-plus-prompts; or where to get custom-concept-101, "
            "dreambench-plus, dsh-bench.",
        ),
    ] = Pulled.dreambooth,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Copy a local copy instead of downloading."),
    ] = None,
    destination: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Put it here, not into the cache folder.")
    ] = None,
    judges: Annotated[
        bool, typer.Option("--judges", help="imagenhub: all three tasks and 17 judges (47 MB).")
    ] = False,
) -> None:
    """Fetch the official dataset (30 subjects, 158 photos, 112 MB), or the ImagenHub ratings (73 kB).

    dreambench-plus-prompts is what DreamBench++'s judge is asked (6 files, 12 kB).
    Every file is verified by its SHA-256.
    """
    if name in ELSEWHERE:
        raise DreambenchError(
            f"{name} has no file at a fixed address", f"get it from {ELSEWHERE[name]}, and give --data FOLDER"
        )
    if name is Pulled.imagenhub:
        pull_ratings(destination, source, judges=judges, say=typer.echo)
        return
    if judges:
        raise DreambenchError("--judges is of imagenhub", "say `dreambench data pull imagenhub --judges`")
    fetch = pull_prompts if name is Pulled.dreambench_plus_prompts else pull
    fetch(destination, source, say=typer.echo)


@app.command("verify", short_help="Check a dataset photo by photo.")
def verify_command(data: DataOption = None, as_json: Json = False) -> None:
    """Check a dataset photo by photo; exit code 1 where something is wrong.

    Files and folders that a dataset of your own has and does not use are listed as well.
    """
    problems = verify(data)
    notes = unused_parts(data) if data is not None else []
    dataset = None if problems else load_dataset(data, check=False)
    photos = sum(len(subject.photos) for subject in dataset.subjects) if dataset else None
    if as_json:
        rows = [{"file": problem.file, "problem": problem.problem} for problem in problems]
        label = dataset.label if dataset else None
        unused = [{"file": note.file, "note": note.problem} for note in notes]
        found: dict[str, Any] = {"dataset": label, "photos": photos, "problems": rows}
        typer.echo(json.dumps({**found, "notes": unused} if unused else found))
    elif dataset:
        subjects = len(dataset.subjects)
        found_there = f"{subjects} subject{'s' if subjects > 1 else ''}, {photos} photos in {dataset.folder}"
        typer.echo(f"{dataset.label}: {found_there}: no problems")
    else:
        cells = [(problem.file, problem.problem) for problem in problems]
        _print_table(f"{len(cells)} problem{'s' if len(cells) > 1 else ''}", ("file", "problem"), cells)
    if notes and not as_json:
        _print_table("not used", ("file", "why"), [(note.file, note.problem) for note in notes])
    if problems:
        raise typer.Exit(1)


@app.command("init", short_help="Write the list of your own subjects.")
def init_command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder with a folder of photos per subject.")
    ],
) -> None:
    """Write FOLDER/subjects.csv from the folders in it, with class nouns to check and to correct."""
    rows = write_list(folder)
    _print_table(str(folder / "subjects.csv"), ("subject", "class noun", "category"), rows)
    typer.echo("Class nouns are guessed, and every category is object: correct them (live: a pet, a person).")


@app.command("show", short_help="List the subjects and the prompts.")
def show_command(
    data: DataOption = None,
    prompts: Annotated[bool, typer.Option("--prompts", help="Also the prompts of each category.")] = False,
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", metavar="NAME|FILE", help="The pairs of subjects of such a protocol."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the subjects; those of the official dataset are known without its photos."""
    spec = protocol_spec(protocol) if protocol else None
    dataset = _shown_dataset(data, spec)
    shown = _describe(dataset, spec)
    if prompts:
        shown["prompts"] = _prompts(dataset)
    if as_json:
        typer.echo(json.dumps(shown))
        return
    columns = ("subject", "class noun", "category", "photos", *(("inputs",) if spec else ()))
    rows = [tuple(subject.values()) for subject in shown["subjects"]]
    _print_table(f"{shown['name']}@{shown['version']}", columns, rows)
    for category, listed in shown.get("prompts", {}).items():
        rows = [tuple(prompt.values()) for prompt in listed]
        _print_table(f"prompts of {category}", ("index", "prompt", "kind"), rows)


def _shown_dataset(data: Path | None, protocol: ProtocolSpec | None) -> Dataset:
    """Return a dataset, the official one without photos, or the pairs of its subjects that a protocol has."""
    if data is not None:
        dataset = load_dataset(data, check=False)
    else:
        known = tuple(Subject(s.name, s.class_noun, s.category, ()) for s in official_subjects())
        dataset = Dataset(NAME, VERSION, official_fingerprint(), official_folder(), known)
    if protocol is None:
        return dataset
    if not protocol.subject_pairs:
        raise DreambenchError("the protocol is for images of one subject", "leave --protocol out")
    return with_pairs(dataset, protocol.named_pairs())


def _prompts(dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
    """Return the prompts by category, or by subject where the dataset has its own, or has pairs."""
    own = {subject.name: subject.own_prompts for subject in dataset.subjects if subject.own_prompts}
    return {
        name: [{"index": p.index, "template": p.template, "kind": p.kind} for p in listed]
        for name, listed in (own or {c: official_prompts(c) for c in CATEGORIES}).items()
    }


def _describe(dataset: Dataset, protocol: ProtocolSpec | None) -> dict[str, Any]:
    """Return a dataset's name, version, fingerprint and subjects as plain data.

    A pair of subjects also has its ``inputs``: the photos of both that a model is shown, if they are listed.
    """
    official = {s.name: s.photo_count for s in official_subjects()}
    subjects = []
    for subject in dataset.subjects:
        parts = subject.parts or (subject,)
        row: dict[str, Any] = {
            "subject": subject.name,
            "class_noun": subject.class_noun,
            "category": subject.category,
            "photos": sum(len(part.photos) or official[part.name] for part in parts),
        }
        if protocol is not None:
            listed = protocol.input_photos
            row["inputs"] = [f"{p.name}/{listed[p.name]}" for p in parts if p.name in listed]
        subjects.append(row)
    shown = {"name": dataset.name, "version": dataset.version, "fingerprint": dataset.fingerprint}
    return {**shown, "subjects": subjects}


def _print_table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    # Without lines, as the tables of a report.
    head = Text(title, style="bold")
    table = Table(title=head, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        cells = (", ".join(cell) if isinstance(cell, list) else str(cell) for cell in row)
        table.add_row(*map(Text, cells))  # Text: a name is not markup
    print_whole(table)
