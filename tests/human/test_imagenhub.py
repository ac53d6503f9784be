"""The ImagenHub analysis: its numbers by an independent computation, and what it says of bad files."""

from __future__ import annotations

import csv
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from dreambench.human.analyze import analyze_imagenhub
from dreambench.human.correlation import Correlations

SCORED = ("BLIPDiffusion_Gen", "DreamBooth", "DreamBoothLora", "TextualInversion")
Row = tuple[
    str, str, dict[str, float], list[dict[str, float]]
]  # sample, method, metrics, each rater's scores


@pytest.fixture(scope="module")
def found(imagenhub: Path) -> Correlations:
    return analyze_imagenhub(imagenhub)[0]


@pytest.fixture(scope="module")
def rows(imagenhub: Path) -> list[Row]:
    """The same data read another way: a regular expression, dictionaries, no numpy, no pandas."""
    rated: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for number in (1, 2, 3):
        path = imagenhub / f"Subject-Driven_IG_rater{number}.tsv"
        for line in csv.DictReader(path.read_text().splitlines(), delimiter="\t"):
            for method, cell in line.items():
                if method != "uid":
                    sc, pq = map(float, re.findall(r"[\d.]+", cell))
                    rated[line["uid"], method].append({"sc": sc, "pq": pq, "o": (sc * pq) ** 0.5})
    read = []
    for method in SCORED:
        scores = json.loads((imagenhub / "autometrics" / f"{method}.json").read_text())
        for uid, s in scores.items():
            read.append((uid, method, {"dino": s["DINO"], "clip_i": s["CLIP_I"]}, rated[uid, method]))
    return read


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _pearson(x: list[float], y: list[float]) -> float:
    mx, my = _mean(x), _mean(y)
    covariance = math.fsum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    squares = [math.fsum((v - m) ** 2 for v in values) for values, m in ((x, mx), (y, my))]
    return covariance / math.sqrt(squares[0] * squares[1])


def _ranks(values: list[float]) -> list[float]:
    """Mid-ranks by counting: those below, and half of those equal."""
    return [sum(b < a for b in values) + (sum(b == a for b in values) + 1) / 2 for a in values]


def _tau(x: list[float], y: list[float]) -> float:
    def sign(a: float) -> int:
        return (a > 0) - (a < 0)

    surplus = untied_x = untied_y = 0
    for i in range(len(x)):
        for j in range(i):
            dx, dy = sign(x[i] - x[j]), sign(y[i] - y[j])
            surplus, untied_x, untied_y = surplus + dx * dy, untied_x + abs(dx), untied_y + abs(dy)
    return surplus / math.sqrt(untied_x * untied_y)


def _human(row: Row, human: str) -> float:
    # Means of thirds must tie where they are equal, as they do in the mean of three equal orders.
    return round(_mean([rater[human] for rater in row[3]]), 12)


def _scopes(found: Correlations, rows: list[Row]) -> Iterator[tuple[object, list[Row]]]:
    yield found, rows
    for method in SCORED:
        yield found.methods[method], [row for row in rows if row[1] == method]


def test_counts(found: Correlations, rows: list[Row]) -> None:
    assert (found.n, found.left_out) == (600, 150) == (len(rows), 150)
    assert found.left_out_by == {"no automatic scores: SuTI": 150}
    assert found.source == "imagenhub@439f72c"
    assert {name: scope.n for name, scope in found.methods.items()} == {
        **dict.fromkeys(SCORED, 150),
        "SuTI": 0,
    }
    assert found.methods["SuTI"].rows == ()
    assert found.methods["SuTI"].left_out == 150
    assert [(row.metric, row.human, row.n) for row in found.rows] == [
        (metric, human, 600) for human in ("sc", "pq", "o") for metric in ("dino", "clip_i")
    ]


def test_every_coefficient_pooled_and_per_method(found: Correlations, rows: list[Row]) -> None:
    for scope, chosen in _scopes(found, rows):
        for row in scope.rows:  # type: ignore[attr-defined]
            x, y = [r[2][row.metric] for r in chosen], [_human(r, row.human) for r in chosen]
            assert row.pearson.r == pytest.approx(_pearson(x, y), abs=1e-9)
            assert row.spearman.r == pytest.approx(_pearson(_ranks(x), _ranks(y)), abs=1e-9)
            if len(chosen) < 600 or (row.metric, row.human) == ("dino", "sc"):
                assert row.kendall.r == pytest.approx(_tau(x, y), abs=1e-9)


def test_upper_bound_is_one_rater_against_the_mean_of_the_others(
    found: Correlations, rows: list[Row]
) -> None:
    for scope, chosen in _scopes(found, rows):
        for bound in scope.upper_bound:  # type: ignore[attr-defined]
            h = bound.human
            expected = [
                _pearson(
                    [r[3][k][h] for r in chosen],
                    [round(_mean([r[3][o][h] for o in range(3) if o != k]), 12) for r in chosen],
                )
                for k in range(3)
            ]
            assert list(bound.by_rater.values()) == pytest.approx(expected, abs=1e-9)
            assert bound.pearson == pytest.approx(_mean(expected), abs=1e-9)


def _alpha(units: list[list[float]]) -> float:
    """Krippendorff's ordinal alpha from its definition: squared rank distances, within units and overall."""
    everything = [value for unit in units for value in unit]
    count = {v: everything.count(v) for v in set(everything)}

    def distance(a: float, b: float) -> float:
        low, high = sorted((a, b))
        between = sum(n for v, n in count.items() if low <= v <= high)
        return (between - (count[a] + count[b]) / 2) ** 2

    table = {(a, b): distance(a, b) for a in count for b in count}
    within = math.fsum(table[a, b] for u in units for i, a in enumerate(u) for j, b in enumerate(u) if i != j)
    observed = within / 2 / len(everything)  # each of 3 ratings meets 2 others
    n = len(everything)
    expected = math.fsum(table[a, b] * count[a] * count[b] for a in count for b in count) / (n * (n - 1))
    return 1 - observed / expected


def test_alpha_over_all_750_images(found: Correlations, imagenhub: Path) -> None:
    units: dict[tuple[str, str], list[float]] = defaultdict(list)
    for path in sorted(imagenhub.glob("*.tsv")):
        for line in csv.DictReader(path.read_text().splitlines(), delimiter="\t"):
            for method in (*SCORED, "SuTI"):
                units[line["uid"], method].append(json.loads(line[method])[0])
    sc = next(a for a in found.agreement if a.human == "sc")
    assert (sc.n, sc.raters) == (750, 3)
    assert sc.alpha == pytest.approx(_alpha(list(units.values())), abs=1e-9)


def test_what_the_documentation_says(found: Correlations) -> None:
    """The numbers of docs/correlation.md, and the claim: DINO follows SC better than CLIP-I, not PQ."""
    pearson = {(row.metric, row.human): row.pearson for row in found.rows}
    printed = {("dino", "sc"): 0.547, ("clip_i", "sc"): 0.376, ("dino", "pq"): 0.285, ("clip_i", "pq"): 0.313}
    printed |= {("dino", "o"): 0.593, ("clip_i", "o"): 0.429}
    assert {pair: round(c.r or 0, 3) for pair, c in pearson.items()} == printed
    assert pearson["dino", "sc"].ci95 == pytest.approx((0.489, 0.601), abs=5e-4)
    assert pearson["dino", "sc"].ci95_bootstrap == pytest.approx((0.495, 0.597), abs=2e-3)
    tests = {test.human: test for test in found.paired}
    assert tests["sc"].steiger_z == pytest.approx(7.24, abs=0.005)
    assert tests["sc"].williams_t == pytest.approx(7.52, abs=0.005)
    assert tests["sc"].ci95_bootstrap is not None
    assert tests["sc"].ci95_bootstrap[0] > 0
    assert tests["pq"].ci95_bootstrap is not None
    assert tests["pq"].ci95_bootstrap[0] < 0 < tests["pq"].ci95_bootstrap[1]
