"""The ranking of metrics and judges, and their agreement by DreamBench++: each number in its column."""

from __future__ import annotations

import csv
import io

from dreambench.human.correlation.ranking import RankedPair, RankedScorer, Rankings, TaskRanking
from dreambench.human.correlation.results import Bound, Coefficient, RaterAgreement
from dreambench.human.dreambench_plus import PlusAgreement, PlusRow
from dreambench.report.correlation.agreement_tables import photo_table, plus_tables
from dreambench.report.correlation.ranking_tables import ranking_csv, ranking_tables
from dreambench.report.table import Table
from dreambench.runs.tell_apart import TellingApart, ToldApart

JUDGE = RankedScorer(
    scorer="gpt", kind="judge", n=50, missing=10, guessed=5, without_guesses=0.75,
    pearson=Coefficient(r=0.7, ci95_bootstrap=(0.6, 0.8)),
    spearman=Coefficient(r=0.5, ci95_bootstrap=(0.4, 0.55)),
)  # fmt: skip
DINO = RankedScorer(
    scorer="dino", kind="metric", n=60, missing=0, guessed=0, without_guesses=0.45,
    pearson=Coefficient(r=0.45, ci95_bootstrap=(0.3, 0.5)), spearman=Coefficient(r=0.25),
)  # fmt: skip
#: DINO minus the judge: the judge follows the raters better.
PAIR = RankedPair(
    first="dino", second="gpt", n=50, difference=-0.25, ci95=(-0.4, -0.125), p=0.004, p_holm=0.008
)
FOUND = Rankings(
    source="made up",
    tasks=(
        TaskRanking(
            task="generation", title="Generation", images=60, methods=2, scorers=(JUDGE, DINO), pairs=(PAIR,),
            ceiling=Bound(human="sc", n=60, raters=3, pearson=0.6),
            agreement=RaterAgreement(human="sc", n=60, raters=3, alpha=0.5),
        ),
    ),
)  # fmt: skip


def by_head(content: Table) -> list[dict[str, tuple[str, str]]]:
    return [
        dict(zip(content.head, ((cell.text, cell.interval) for cell in row.cells), strict=True))
        for row in content.rows
    ]


def test_a_scorer_minus_dino_is_positive_where_it_follows_the_raters_better() -> None:
    judge, dino = by_head(ranking_tables(FOUND)[0])
    assert judge["Minus DINO"] == ("+0.250", "[+0.125, +0.400]")
    assert judge["p, Holm"] == ("0.008", "")
    assert dino["Minus DINO"] == dino["p, Holm"] == ("", "")
    (first, second) = csv.DictReader(io.StringIO(ranking_csv(FOUND)))
    assert [float(first[name]) for name in ("minus_dino", "minus_dino_low", "minus_dino_high")] == [
        0.25,
        0.125,
        0.4,
    ]
    assert first["p_holm"] == "0.008"
    assert second["minus_dino"] == second["p_holm"] == ""


def test_every_coefficient_has_its_own_interval_and_guesses_count_where_there_are_any() -> None:
    judge, dino = by_head(ranking_tables(FOUND)[0])
    assert [judge[name][0] for name in ("Scorer", "Kind", "n", "Missing", "Guessed")] == [
        *("gpt", "judge", "50", "10", "5")
    ]
    assert judge["Pearson"] == ("0.700", "[0.600, 0.800]")
    assert judge["Spearman"] == ("0.500", "[0.400, 0.550]")
    assert (judge["Without guesses"][0], dino["Without guesses"][0]) == ("0.750", "")
    (first, _) = csv.DictReader(io.StringIO(ranking_csv(FOUND)))
    numbers = {
        name: first[name] for name in ("pearson", "low", "high", "without_guesses", "missing", "guessed")
    }
    assert list(numbers.values()) == ["0.7", "0.6", "0.8", "0.75", "10", "5"]
    assert [first[name] for name in ("spearman", "spearman_low", "spearman_high")] == ["0.5", "0.4", "0.55"]


def test_the_agreement_of_raters_and_judge_are_not_exchanged() -> None:
    row = PlusRow(
        question="concept preservation",
        method="ours",
        n=40,
        missing=3,
        raters=0.6,
        judge=0.5,
        metrics={"dino": 0.4},
    )
    (content,) = plus_tables(PlusAgreement(source="made up", groups=("a", "b"), rows=(row,)))
    assert {head: text for head, (text, _) in by_head(content)[0].items()} == {
        "Method": "ours", "Images": "40", "Missing": "3", "Raters, alpha": "0.600", "Judge, alpha": "0.500",
        "dino, r": "0.400",
    }  # fmt: skip


def test_telling_apart_has_a_column_of_each_class() -> None:
    metrics = tuple(
        ToldApart(metric=name, auc=auc, ci95=ci95, classes={"cat": auc - 0.05, "dog": auc + 0.05})
        for name, auc, ci95 in (("dino", 0.9, (0.85, 0.95)), ("clip_i", 0.75, None))
    )
    content = photo_table(TellingApart(signature="x", subjects=4, photos=9, pairs=30, metrics=metrics))
    dino, clip_i = by_head(content)
    assert dino == {
        "Metric": ("DINO", ""),
        "AUC": ("0.900", "[0.850, 0.950]"),
        "cat": ("0.850", ""),
        "dog": ("0.950", ""),
    }
    assert clip_i["AUC"] == ("0.750", "")
    assert "9 photos of 4 subjects, 30 pairs" in content.note
