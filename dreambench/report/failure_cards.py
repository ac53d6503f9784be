"""The failure modes as the page shows them: the rule in words, counts per run, the clearest examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dreambench.analysis import RunScores
from dreambench.analysis.failure_modes import (
    DEVIATIONS,
    LEAST_IMAGES,
    LEAST_SUBJECTS,
    FailureMode,
    above_bound,
)
from dreambench.errors import listed
from dreambench.report import numbers
from dreambench.report.pictures import Album, Picture
from dreambench.report.run_facts import LISTED

SHOWN = 6
#: Of each failure mode its title, its rule, and what the rule's measure is called.
WORDS = {
    "context_missing": (
        "Context missing",
        f"CLIP-T is more than {DEVIATIONS:g} robust standard deviations (1.4826 times the median absolute "
        "deviation) below the median over other subjects' images of the same prompt. The rule needs "
        f"{LEAST_SUBJECTS} other subjects.",
        "CLIP-T",
    ),
    "copied_photo": (
        "Copied training photo",
        "DINO to the subject's nearest photo is above the highest DINO between any two of its photos.",
        "nearest photo",
    ),
    "entanglement": (
        "Context and appearance entangled",
        f"Mean DINO to the subject's images in other contexts is more than {DEVIATIONS:g} robust standard "
        "deviations below the median over the subject's images: in this context the image looks like another "
        "subject. Only recontextualization prompts are judged, because other prompts are meant to change the "
        f"subject. The rule needs {LEAST_IMAGES} images.",
        "other prompts",
    ),
}


@dataclass(frozen=True)
class Example:
    """One failing image with its value under the rule, and the threshold that it crossed.

    ``photo`` is the one that a copied image resembles most.
    """

    score: str
    threshold: str
    picture: Picture
    photo: Picture | None = None


@dataclass(frozen=True)
class FailureCount:
    """One rule in one run: the share of its images that fail, its thresholds, and the clearest examples."""

    run: str
    mode: FailureMode
    share: str
    thresholds: str
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class FailureCard:
    """One failure mode over all runs."""

    title: str
    rule: str
    measure: str
    runs: tuple[FailureCount, ...]


def failure_cards(
    scored: Sequence[RunScores], failures: Sequence[Sequence[FailureMode]], album: Album
) -> list[FailureCard]:
    """Lay out what ``failures`` (per run, its modes in one order) found."""
    return [
        FailureCard(
            *WORDS[modes[0].name],
            tuple(_count(run, mode, album) for run, mode in zip(scored, modes, strict=True)),
        )
        for modes in zip(*failures, strict=True)
    ]


def bound_warnings(scored: Sequence[RunScores]) -> list[tuple[str, str]]:
    """Return (run, subjects in words) for every run with a DINO above its photos' own."""
    return [(run.label, listed(names, LISTED)) for run in scored if (names := above_bound(run))]


def _count(run: RunScores, mode: FailureMode, album: Album) -> FailureCount:
    rows, positions = list(run.tables.images.itertuples(index=False)), mode.examples
    examples = []
    for p in positions[:SHOWN]:
        picture = album.image(run, rows[p])
        photos = album.photos(picture.subject, [run]) if mode.name == "copied_photo" else ()
        example = Example(
            score=numbers.fixed(float(mode.score.iloc[p])),
            threshold=numbers.fixed(float(mode.threshold.iloc[p])),
            picture=picture,
            photo=next((photo for photo in photos if photo.title == picture.nearest), None),
        )
        examples.append(example)
    share = f"{100 * len(positions) / mode.judged:.1f}%" if mode.judged else ""
    return FailureCount(run.label, mode, share, _range(mode), tuple(examples))


def _range(mode: FailureMode) -> str:
    limits = mode.threshold[mode.score.notna()].dropna()
    if limits.empty:
        return ""
    low, high = numbers.fixed(float(limits.min())), numbers.fixed(float(limits.max()))
    return low if low == high else f"{low} to {high}"
