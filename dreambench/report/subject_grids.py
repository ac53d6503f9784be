"""The image grids: per subject its photos, and per prompt each run's images with their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.report import numbers
from dreambench.report.thumbnails import Thumbnail, image_source

PROMPT_MEANS = ("dino", "clip_t")


@dataclass(frozen=True)
class Picture:
    """One place in a grid: a thumbnail, or the reason why there is none."""

    alt: str
    title: str
    href: str | None
    absent: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class RunCells:
    """One run's part of a prompt's line: its images, and the means of ``PROMPT_MEANS`` over them."""

    pictures: tuple[Picture, ...]
    means: tuple[str, ...]


@dataclass(frozen=True)
class PromptLine:
    """One prompt: its index in the official order, its text, and one part per run."""

    index: int
    text: str
    kind: str
    runs: tuple[RunCells, ...]


@dataclass(frozen=True)
class SubjectGrid:
    """One subject: photos on the left, prompts in groups of one kind on the right."""

    name: str
    anchor: str
    class_noun: str
    category: str
    photos: tuple[Picture, ...]
    groups: tuple[tuple[str, tuple[PromptLine, ...]], ...]


def subject_grids(
    scored: Sequence[RunScores], thumbnails: Mapping[Path, Thumbnail], out: Path
) -> list[SubjectGrid]:
    """Return the grid of every subject of the runs, in the first run's order."""
    nouns = {name: noun for run in reversed(scored) for name, noun in run.record.subjects.items()}
    order = list(dict.fromkeys(name for run in scored for name in run.record.subjects))
    by_run = [dict(tuple(run.tables.images.groupby("subject"))) for run in scored]
    grids = []
    for number, name in enumerate(order):
        frames = [frames.get(name, run.tables.images[:0]) for frames, run in zip(by_run, scored, strict=True)]
        rows = pd.concat(frames)
        category = rows["category"].dropna()
        grids.append(
            SubjectGrid(
                name=name,
                anchor=f"subject-{number}",
                class_noun=nouns[name],
                category=str(category.iloc[0]) if len(category) else "",
                photos=_photos(name, scored, thumbnails),
                groups=_grouped(_lines(name, scored, frames, thumbnails, out)),
            )
        )
    return grids


def _photos(
    name: str, scored: Sequence[RunScores], thumbnails: Mapping[Path, Thumbnail]
) -> tuple[Picture, ...]:
    pictures = []
    for file in next((run.record.photos[name] for run in scored if name in run.record.photos), []):
        shown = thumbnails[Path(file).absolute()]
        label = Path(file).name
        pictures.append(Picture(f"Photo {label} of {name}", label, shown.href, shown.problem))
    return tuple(pictures)


def _lines(
    name: str,
    scored: Sequence[RunScores],
    frames: Sequence[pd.DataFrame],
    thumbnails: Mapping[Path, Thumbnail],
    out: Path,
) -> list[PromptLine]:
    parts = [dict(tuple(frame.groupby("prompt_index"))) for frame in frames]
    rows = pd.concat(frames)
    heads = rows.drop_duplicates("prompt_index").sort_values("prompt_index")
    lines = []
    for index, text, kind in heads[["prompt_index", "prompt", "kind"]].itertuples(index=False):
        cells = tuple(
            _cells(name, run, part.get(index, rows[:0]), thumbnails, out)
            for run, part in zip(scored, parts, strict=True)
        )
        lines.append(PromptLine(int(index), str(text), str(kind), cells))
    return lines


def _cells(
    name: str, run: RunScores, rows: pd.DataFrame, thumbnails: Mapping[Path, Thumbnail], out: Path
) -> RunCells:
    pictures = tuple(_picture(name, run, row, thumbnails, out) for row in rows.itertuples(index=False))
    means = tuple(numbers.fixed(float(rows[score].mean())) for score in PROMPT_MEANS)
    return RunCells(pictures, means)


def _picture(
    name: str, run: RunScores, row: object, thumbnails: Mapping[Path, Thumbnail], out: Path
) -> Picture:
    alt = f"{name}: {row.prompt}, image {row.image_index + 1}"  # type: ignore[attr-defined]
    source = image_source(run, row.file)  # type: ignore[attr-defined]
    if source is None:
        return Picture(alt, f"{alt}: missing", None, "missing")
    shown = thumbnails[source]
    return Picture(alt, _title(row), shown.href, shown.problem, _link(source, run, out))


def _title(row: object) -> str:
    scores = [
        f"{numbers.TITLES[m]} {numbers.fixed(getattr(row, m))}"
        for m in ("dino", "clip_i", "clip_t")
        if pd.notna(getattr(row, m))
    ]
    seed = getattr(row, "seed", None)
    parts = [str(getattr(row, "prompt", "")), *(scores or ["not scored"])]
    return " · ".join([*parts, *([f"seed {int(seed)}"] if pd.notna(seed) else [])])  # type: ignore[arg-type]


def _link(source: Path, run: RunScores, out: Path) -> str | None:
    """Return the way from a run's own report to its full image; none for a page that lies elsewhere.

    Elsewhere the way would lead through folders of this machine, which nobody else has.
    """
    top = run.folder.path.absolute()
    if not (out.absolute().is_relative_to(top) and source.is_relative_to(top)):
        return None
    up = len(out.absolute().relative_to(top).parts)
    return quote("../" * up + source.relative_to(top).as_posix())


def _grouped(lines: Sequence[PromptLine]) -> tuple[tuple[str, tuple[PromptLine, ...]], ...]:
    kinds = dict.fromkeys(line.kind for line in lines)
    return tuple((kind, tuple(line for line in lines if line.kind == kind)) for kind in kinds)
