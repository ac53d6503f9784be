"""One picture of the page: a thumbnail with what is known about it, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.analysis.embedding_similarities import Similarities
from dreambench.analysis.score_tables import image_metrics
from dreambench.report import numbers
from dreambench.report.thumbnails import Thumbnail, image_source
from dreambench.spec.registries import get_metric


@dataclass(frozen=True)
class Picture:
    """One place in a grid: a thumbnail, or the reason why there is none.

    ``scores`` are (metric, score with three decimals) for every score that exists. ``link`` is the
    address of the full image where the page may give one. ``seed``, ``number`` (counted from 1, among the
    images of its prompt), ``key`` (one per image of the page, wherever it is shown), ``subject`` and
    ``prompt`` are empty for a photo. ``nearest`` names the photo that the image resembles most, where that
    is known.
    """

    alt: str
    title: str
    href: str | None
    absent: str | None = None
    link: str | None = None
    scores: tuple[tuple[str, str], ...] = ()
    seed: str = ""
    number: str = ""
    key: str = ""
    nearest: str = ""
    subject: str = ""
    prompt: str = ""


@dataclass(frozen=True)
class Album:
    """Makes a page's pictures from its ``thumbnails`` by source; ``out`` is the page's folder."""

    thumbnails: Mapping[Path, Thumbnail]
    out: Path

    def photo(self, name: str, file: Path) -> Picture:
        """Return the picture of one of a subject's photos."""
        shown = self.thumbnails[file.absolute()]
        return Picture(f"Photo {file.name} of {name}", file.name, shown.href, shown.problem)

    def photos(self, name: str, scored: Sequence[RunScores]) -> tuple[Picture, ...]:
        """Return a subject's photos, as the first run that has any of them lists them."""
        files = next((run.record.photos[name] for run in scored if name in run.record.photos), [])
        return tuple(self.photo(name, Path(file)) for file in files)

    def first_photo(self, name: str, scored: Sequence[RunScores]) -> Picture | None:
        """Return the first of a subject's photos that can be shown, or None."""
        return next((photo for photo in self.photos(name, scored) if photo.href), None)

    def image(self, run: RunScores, row: Any) -> Picture:
        """Return the picture of one row of a run's images table (a named tuple)."""
        alt = f"{row.subject}: {row.prompt}, image {row.image_index + 1}"
        source = image_source(run, row.file)
        if source is None:
            return Picture(alt, f"{alt}: missing", None, "missing", subject=row.subject, prompt=row.prompt)
        shown = self.thumbnails[source]
        columns = image_metrics(run.record.spec.protocol.metrics)
        scores = [(m, numbers.fixed(getattr(row, m))) for m in columns if pd.notna(getattr(row, m))]
        known = [f"{get_metric(metric).title} {text}" for metric, text in scores] or ["not scored"]
        seed = "" if pd.isna(row.seed) else str(int(row.seed))
        return Picture(
            alt,
            " · ".join([str(row.prompt), *known, *([f"seed {seed}"] if seed else [])]),
            shown.href,
            shown.problem,
            link_to(source, self.out, run.folder.path),
            tuple(scores),
            seed,
            str(row.image_index + 1),
            f"{run.label}/{row.subject}/{row.prompt_index}-{row.image_index}",
            getattr(row, "nearest_name", None) or "",
            row.subject,
            row.prompt,
        )


def with_nearest_photos(run: RunScores, near: Similarities) -> RunScores:
    """Return a run whose images table names the photo that each image resembles most."""
    images = run.tables.images.assign(nearest_name=near.images["nearest_name"])
    return replace(run, tables=replace(run.tables, images=images))


def link_to(file: Path, out: Path, top: Path) -> str | None:
    """Return the link from a page in ``out`` to a file; None where either is not below ``top``.

    From elsewhere the link would contain folders that only this machine has.
    """
    out, file, top = out.absolute(), file.absolute(), top.absolute()
    if not (out.is_relative_to(top) and file.is_relative_to(top)):
        return None
    return quote("../" * len(out.relative_to(top).parts) + file.relative_to(top).as_posix())
