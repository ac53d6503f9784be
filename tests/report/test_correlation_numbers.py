"""The numbers of a correlation analysis: each in its column of a table, and where a figure draws it."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from dreambench.human.correlation import Correlations, RatedImages, correlate
from dreambench.report.correlation.correlation_files import _csv_tables
from dreambench.report.correlation.correlation_tables import correlation_tables
from dreambench.report.correlation.figures import COLORS, bars, scatter
from dreambench.report.numbers import MINUS, count, fixed, interval, p_value, signed
from dreambench.report.table import Table

PAPER = {"dino": 0.32, "clip_i": 0.27}


@pytest.fixture(scope="module")
def judged() -> RatedImages:
    dice = np.random.default_rng(5)
    quality, fit = dice.normal(size=(2, 60))
    ratings = {
        name: np.clip(np.round(of[:, None] + dice.normal(size=(60, 3))), -1, 1) / 2 + 0.5
        for name, of in (("sc", quality), ("pq", fit))
    }
    images = pd.DataFrame(
        {
            "sample": [f"s{i // 2}" for i in range(60)],
            "method": ["A", "B"] * 30,
            "dino": quality + dice.normal(size=60) / 2,
            "clip_i": quality + 2 * dice.normal(size=60),
            **{name: given.mean(axis=1) for name, given in ratings.items()},
        }
    )
    return RatedImages(images, ("dino", "clip_i"), ("sc", "pq"), ("r1", "r2", "r3"), ratings)


@pytest.fixture(scope="module")
def found(judged: RatedImages) -> Correlations:
    return correlate([judged], "made up").model_copy(update={"paper": PAPER})


def cells(tables: list[Table], title: str) -> list[list[str]]:
    (content,) = [each for each in tables if each.title == title]
    assert all(len(row.cells) == len(content.head) for row in content.rows)
    return [[cell.text for cell in row.cells] for row in content.rows]


def test_every_coefficient_is_in_its_column(found: Correlations) -> None:
    shown = cells(correlation_tables(found), "Correlation with human judgment: All methods pooled")
    for row, texts in zip(found.rows, shown, strict=True):
        expected = [count(row.n), fixed(row.pearson.r), interval(row.pearson.ci95)]
        expected += [interval(row.pearson.ci95_bootstrap), p_value(row.pearson.p)]
        expected += [f"{fixed(c.r)} {interval(c.ci95_bootstrap)}" for c in (row.spearman, row.kendall)]
        # The paper's raters judged the subject only.
        expected.append(fixed(PAPER[row.metric]) if row.human == "sc" else fixed(None))
        assert texts[2:] == expected
    assert len({tuple(texts) for texts in shown}) == 4


def test_paired_tests_and_agreement_are_in_their_columns(found: Correlations) -> None:
    # Steiger's and Williams' tests agree to three decimals here.
    told = {"steiger_p": 0.125, "williams_p": 0.25}
    test = found.paired[0].model_copy(update=told)
    tables = correlation_tables(found.model_copy(update={"paired": (test,)}))
    (texts, *_) = cells(tables, "Does DINO follow the raters better than CLIP-I?")
    statistics = [f"{value:.2f}".replace("-", MINUS) for value in (test.steiger_z or 0, test.williams_t or 0)]
    assert texts == [
        *("pooled", "semantic consistency", count(test.n), signed(test.difference)),
        *(interval(test.ci95_bootstrap), p_value(test.p_bootstrap)),
        *(statistics[0], p_value(test.steiger_p), statistics[1], p_value(test.williams_p)),
    ]
    agreed, bound = found.agreement[0], found.upper_bound[0]
    assert cells(tables, "How far the raters agree")[0] == [
        *("pooled", "semantic consistency", count(agreed.n), count(agreed.raters)),
        *(fixed(agreed.alpha), interval(agreed.ci95), count(bound.n), fixed(bound.pearson)),
        *(interval(bound.pearson_ci95_bootstrap), fixed(bound.spearman), fixed(bound.kendall)),
    ]
    assert interval(agreed.ci95) != ""


def test_csv_files_have_both_ends_of_each_interval_in_order(found: Correlations) -> None:
    tables = {name: list(csv.DictReader(io.StringIO(text))) for name, text in _csv_tables(found).items()}
    for row in tables["correlations.csv"]:
        for by in ("", "_bootstrap"):
            if row[f"low{by}"]:
                assert float(row[f"low{by}"]) < float(row["r"]) < float(row[f"high{by}"])
    first = tables["paired_tests.csv"][0]
    assert (
        float(first["ci95_bootstrap_low"]) < float(first["difference"]) < float(first["ci95_bootstrap_high"])
    )


def test_the_scatter_has_metrics_across_ratings_up_and_the_line_of_least_squares(judged: RatedImages) -> None:
    panels = scatter([judged]).axes
    places = [(human, metric) for human in ("sc", "pq") for metric in ("dino", "clip_i")]
    for axes, (human, metric) in zip(panels, places, strict=True):
        x, y = judged.values(metric), judged.values(human)
        for number, points in enumerate(axes.collections):
            own = points.get_offsets()
            assert list(own[:, 0]) == pytest.approx(list(x[number::2]))
            assert list(own[:, 1]) == pytest.approx(list(y[number::2]), abs=0.031)  # jittered
        (line,) = axes.lines
        slope = np.cov(x, y)[0, 1] / x.var(ddof=1)
        ends = [x.min(), x.max()]
        assert list(line.get_xdata()) == pytest.approx(ends)
        assert list(line.get_ydata()) == pytest.approx([y.mean() + slope * (end - x.mean()) for end in ends])
        assert axes.get_title().startswith(f"r = {fixed(float(np.corrcoef(x, y)[0, 1]))}")


def test_each_bar_is_a_correlation_with_its_own_interval_and_the_line_is_the_raters(
    found: Correlations,
) -> None:
    axes = bars(found).axes[0]
    heights = {(rounded(bar.get_x() + bar.get_width() / 2), bar.get_facecolor()): bar for bar in axes.patches}
    assert len(heights) == 4
    errors = {
        rounded(path[0][0]): path[:, 1] for group in axes.collections[:-1] for path in group.get_segments()
    }
    for row in found.rows:
        metric, human = ("dino", "clip_i").index(row.metric), ("sc", "pq").index(row.human)
        at = rounded(human - 0.4 + 0.4 * (metric + 0.5))
        ((_, color), bar) = next((key, bar) for key, bar in heights.items() if key[0] == at)
        assert bar.get_height() == pytest.approx(row.pearson.r)
        assert tuple(round(255 * part) for part in color[:3]) == tuple(bytes.fromhex(COLORS[metric][1:]))
        assert list(errors[at]) == pytest.approx(list(row.pearson.ci95_bootstrap or ()))
    bounds = [path[0][1] for path in axes.collections[-1].get_segments()]
    assert bounds == pytest.approx([bound.pearson for bound in found.upper_bound])


def rounded(place: float) -> float:
    return round(float(place), 6)
