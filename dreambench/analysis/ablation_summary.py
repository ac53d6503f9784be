"""The summary of an ablation: a row per variant, differences from the first one, the paper's rows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from dreambench.analysis.paired import holm, paired_difference, shared_weights
from dreambench.analysis.run_scores import RunScores
from dreambench.analysis.summarize import summary_of
from dreambench.analysis.summary import MetricScores, Score, SubjectScores
from dreambench.literature.ablations import Ablation
from dreambench.literature.published import PublishedRow, differences_from_paper, published
from dreambench.spec.frozen import Frozen


class VariantRow(MetricScores[Score]):
    """One variant's means over subjects."""

    __pydantic_extra__: dict[str, Score | None]
    variant: str
    n_images: int


class Difference(Frozen):
    """A variant minus the reference, over the subjects that both have; see ``PairedDifference``.

    ``p_holm`` is ``p`` after Holm's correction over all differences of the ablation.
    """

    variant: str
    reference: str
    metric: str
    mean: float
    ci95: tuple[float, float] | None
    p: float | None
    n: int
    p_holm: float | None = None


class AblationSummary(Frozen):
    """What ``ablate --json`` prints.

    ``subjects`` has each variant's means by subject. ``paper`` has the paper's rows; it is empty where they
    are not comparable with ours (another dataset, the miniature).
    """

    ablation: str
    title: str
    table: int
    signature: str
    unscored: int
    rows: tuple[VariantRow, ...]
    differences: tuple[Difference, ...]
    subjects: dict[str, dict[str, SubjectScores]]
    paper: tuple[PublishedRow, ...] = ()
    caution: str | None = None
    notes: tuple[str, ...] = ()


def summarize_ablation(chosen: Ablation, variants: Mapping[str, RunScores]) -> AblationSummary:
    """Summarize the runs of an ablation's variants, the reference first.

    Its notes are its own and, from the runs' logs, the wrong noun drawn for each subject. Raises
    DreambenchError where signatures differ: the runs were scored with different protocols.
    """
    summaries = {variant: summary_of([scores]) for variant, scores in variants.items()}
    summary_of(list(variants.values()))  # raises if they cannot be compared
    first = next(iter(summaries.values()))
    quoted = not differences_from_paper(first.signature, whole=False)
    source = published().table(chosen.table)
    logged = [note for run in variants.values() for note in run.record.notes]
    notes = [*chosen.notes, *(note for note in logged if note.startswith("Class noun of"))]
    return AblationSummary(
        ablation=chosen.name,
        title=chosen.title,
        table=chosen.table,
        signature=first.signature,
        unscored=sum(s.unscored for s in summaries.values()),
        rows=tuple(
            VariantRow(variant=v, n_images=s.rows[1].n_images, **(s.rows[1].model_extra or {}))
            for v, s in summaries.items()
        ),
        differences=tuple(_differences(variants)),
        subjects={variant: s.subjects for variant, s in summaries.items()},
        paper=source.rows if quoted else (),
        caution=source.caution if quoted else None,
        notes=tuple(dict.fromkeys(notes)),
    )


def _differences(variants: Mapping[str, RunScores]) -> list[Difference]:
    reference, *others = variants
    found = []
    for other, metric in product(others, variants[reference].subjects.columns):
        ours, theirs = variants[other], variants[reference]
        weights = shared_weights(theirs, ours, metric)
        if difference := paired_difference(ours.subjects[metric], theirs.subjects[metric], weights):
            shown = {name: getattr(difference, name) for name in ("mean", "ci95", "p", "n")}
            found.append(Difference(variant=other, reference=reference, metric=metric, **shown))
    corrected = holm([difference.p for difference in found])
    return [each.model_copy(update={"p_holm": p}) for each, p in zip(found, corrected, strict=True)]
