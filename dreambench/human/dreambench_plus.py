"""DreamBench++'s human ratings: how far its raters agree, and its GPT judge and metrics with them.

The layout is that of its repository (yuangpeng/dreambench_plus at c4eb5c1), after its own merging step: a
file per method and group of raters in ``data_human_rating/merged_data/GROUP``, named ``METHOD-cp.json``
(concept preservation) or ``METHOD-pf.json`` (prompt following), each ``{image: 0 to 4}``; the judge's in
``data_gpt_rating/concept_preservation_full`` and ``prompt_following_full`` (second and third run: ``full2``,
``full3``), metrics in ``data_dino_rating``, ``data_clipi_rating`` and ``data_clipt_rating``. Source: Peng et
al., "DreamBench++", ICLR 2025, section 4.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from dreambench.errors import DreambenchError
from dreambench.human.correlation.coefficients import coefficient, mean_of_known
from dreambench.spec.frozen import Frozen

ByImage = dict[str, float]
#: The judge answers at temperature 1, so the paper averages three runs of it: the ends of their folders.
JUDGE_RUNS = ("", "2", "3")
#: Question: the end of the raters' files, the judge's first folder, and the folders of metrics.
QUESTIONS = {
    "concept preservation": ("cp", "concept_preservation_full", ("dino", "clipi")),
    "prompt following": ("pf", "prompt_following_full", ("clipt",)),
}
REMEDY = (
    "the ratings are not redistributed here: its readme, https://github.com/yuangpeng/dreambench_plus, links "
    "the archive and the merging step; then give --data FOLDER"
)


class PlusRow(Frozen):
    """One method and question: Krippendorff's alpha (interval) and Pearson's r, as the paper reports them.

    ``raters`` is the groups of raters among themselves, ``judge`` the GPT judge with each group, averaged
    over the groups and the judge's runs; ``metrics`` has Pearson's r of each metric with each group, averaged
    over the groups. None where there are no files, or nothing varies. ``missing`` counts images that not all
    groups rated.
    """

    question: str
    method: str
    n: int
    missing: int
    raters: float | None = None
    judge: float | None = None
    metrics: dict[str, float | None] = Field(default_factory=dict)


class PlusAgreement(Frozen):
    """Every method's agreement on both questions."""

    source: str
    groups: tuple[str, ...]
    rows: tuple[PlusRow, ...]


def read_plus(folder: Path | None) -> PlusAgreement:
    """Return the agreement of DreamBench++'s raters, judge and metrics, from a folder of its layout.

    Raises DreambenchError saying where to get the files, and naming a file that cannot be read.
    """
    merged = None if folder is None else folder / "data_human_rating" / "merged_data"
    groups = sorted(path for path in merged.iterdir() if path.is_dir()) if merged and merged.is_dir() else []
    if folder is None or not groups:
        where = (
            "no folder is given" if folder is None else f"{folder} contains no data_human_rating/merged_data"
        )
        raise DreambenchError(f"DreamBench++'s ratings: {where}", REMEDY)
    rows = []
    for question, (end, judge, metrics) in QUESTIONS.items():
        files = [file for group in groups for file in group.glob(f"*-{end}.json")]
        for method in sorted({file.stem.removesuffix(f"-{end}") for file in files}):
            rated = [_read(group / f"{method}-{end}.json") for group in groups]
            judges = (folder / "data_gpt_rating" / f"{judge}{run}" / f"{method}.json" for run in JUDGE_RUNS)
            judged = [answers for answers in map(_read_if_there, judges) if answers]
            scores = {m: _read_if_there(folder / f"data_{m}_rating" / f"{method}.json") for m in metrics}
            rows.append(_row(question, method, rated, judged, scores))
    return PlusAgreement(
        source="yuangpeng/dreambench_plus", groups=tuple(group.name for group in groups), rows=tuple(rows)
    )


def _row(
    question: str,
    method: str,
    rated: Sequence[ByImage],
    judged: Sequence[ByImage],
    scores: Mapping[str, ByImage],
) -> PlusRow:
    whole = pd.DataFrame(rated).notna().all()
    return PlusRow(
        question=question,
        method=method,
        n=int(whole.sum()),
        missing=int((~whole).sum()),
        raters=interval_alpha(rated),
        judge=mean_of_known(interval_alpha([group, run]) for run in judged for group in rated),
        metrics={
            name: mean_of_known(_pearson(group, own) for group in rated)
            for name, own in scores.items()
            if own
        },
    )


def interval_alpha(rated: Sequence[ByImage]) -> float | None:
    """Return Krippendorff's alpha for interval values over raters' images; None where nothing varies."""
    import krippendorff

    table = pd.DataFrame(rated).sort_index(axis=1).to_numpy(dtype=float)
    seen = table[:, np.isfinite(table).sum(axis=0) >= 2]
    if seen.size == 0 or np.nanmax(seen) == np.nanmin(seen):
        return None
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement="interval"))


def _pearson(group: ByImage, own: ByImage) -> float | None:
    both = pd.DataFrame({"own": own, "group": group}).dropna().sort_index()
    return coefficient("pearson", both["own"].to_numpy(float), both["group"].to_numpy(float))[0]


def _read_if_there(path: Path) -> ByImage:
    return _read(path) if path.is_file() else {}


def _read(path: Path) -> ByImage:
    """Return the scores by image, NaN for null and what is not finite.

    Raises DreambenchError naming file and image.
    """
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DreambenchError(f"{path} cannot be read as scores by image ({error})", REMEDY) from error
    found = {}
    for image, value in content.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise DreambenchError(f"{path}, {image}: {value!r} is not a number", "correct it, or write null")
        found[str(image)] = float(value) if value is not None and math.isfinite(value) else math.nan
    return found
