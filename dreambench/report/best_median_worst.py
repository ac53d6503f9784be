"""The first screen's images, chosen by rule and never by hand: a run's best, median and worst by DINO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dreambench.analysis import RunScores
from dreambench.report.pictures import Album, Picture
from dreambench.report.thumbnails import image_source


@dataclass(frozen=True)
class TellingImage:
    """One image with its subject's first photo; ``place`` is best, median or worst."""

    place: str
    picture: Picture
    photo: Picture | None


@dataclass(frozen=True)
class TellingStrip:
    """One run's images out of ``n_images`` that have a DINO score and can be shown."""

    label: str
    n_images: int
    images: tuple[TellingImage, ...]


def telling_strips(scored: Sequence[RunScores], album: Album) -> list[TellingStrip]:
    """Return one strip per run that has a DINO score; a run with fewer than 3 images has fewer places."""
    strips = [_strip(run, scored, album) for run in scored]
    return [strip for strip in strips if strip.images]


def chosen_rows(images: pd.DataFrame) -> dict[str, int]:
    """Return the positions of the best, the median and the worst image by DINO.

    ``images`` is an images table without missing DINO scores. Equal scores keep the table's order; with
    an even number of images the median is the higher of the two in the middle. No row is chosen twice.
    """
    order = (-images["dino"].to_numpy()).argsort(kind="stable")
    if not len(order):
        return {}
    places = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    found: dict[str, int] = {}
    for place, position in places.items():
        if int(position) not in found.values():
            found[place] = int(position)
    return found


def _strip(run: RunScores, scored: Sequence[RunScores], album: Album) -> TellingStrip:
    def can_be_shown(file: str) -> bool:
        source = image_source(run, file)
        return source is not None and album.thumbnails[source].href is not None

    images = run.tables.images.dropna(subset=["dino", "file"])
    images = images[images["file"].map(can_be_shown).astype(bool)]
    rows = list(images.itertuples(index=False))
    chosen = []
    for place, position in chosen_rows(images).items():
        picture = album.image(run, rows[position])
        chosen.append(TellingImage(place, picture, album.first_photo(picture.subject, scored)))
    return TellingStrip(run.label, len(images), tuple(chosen))
