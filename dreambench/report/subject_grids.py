"""The image grids: per subject its photos, and per prompt each run's images with their means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.report import numbers
from dreambench.report.pictures import Album, Picture

PROMPT_MEANS = ("dino", "clip_t")


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


_ABSENT = RunCells((), (numbers.ABSENT,) * len(PROMPT_MEANS))


@dataclass(frozen=True)
class SubjectGrid:
    """One subject: photos on the left; on the right prompts in their order, shown in groups of one kind."""

    name: str
    anchor: str
    class_noun: str
    category: str
    photos: tuple[Picture, ...]
    lines: tuple[PromptLine, ...]

    @property
    def groups(self) -> list[tuple[str, list[PromptLine]]]:
        """The lines by kind."""
        kinds = dict.fromkeys(line.kind for line in self.lines)
        return [(kind, [line for line in self.lines if line.kind == kind]) for kind in kinds]


def subject_grids(scored: Sequence[RunScores], album: Album) -> list[SubjectGrid]:
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
                photos=album.photos(name, scored),
                lines=tuple(_lines(scored, frames, album)),
            )
        )
    return grids


def _lines(scored: Sequence[RunScores], frames: Sequence[pd.DataFrame], album: Album) -> list[PromptLine]:
    parts = [_cells(run, rows, album) for run, rows in zip(scored, frames, strict=True)]
    heads = pd.concat(frames).drop_duplicates("prompt_index").sort_values("prompt_index")
    return [
        PromptLine(int(index), str(text), str(kind), tuple(part.get(index, _ABSENT) for part in parts))
        for index, text, kind in heads[["prompt_index", "prompt", "kind"]].itertuples(index=False)
    ]


def _cells(run: RunScores, rows: pd.DataFrame, album: Album) -> dict[int, RunCells]:
    """Return a subject's cells by prompt index. The rows are gone through once: a run has thousands."""
    pictures: dict[int, list[Picture]] = {}
    for row in rows.itertuples(index=False):
        pictures.setdefault(row.prompt_index, []).append(album.image(run, row))  # type: ignore[arg-type]
    means = rows.groupby("prompt_index")[list(PROMPT_MEANS)].mean()
    return {
        int(index): RunCells(tuple(pictures[index]), tuple(map(numbers.fixed, values)))
        for index, *values in means.itertuples()
    }
