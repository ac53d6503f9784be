"""The table of one method under several protocols: its rows, its spread without scales, its marks."""

from __future__ import annotations

import pytest

from dreambench.analysis.protocol_spread import protocol_spreads, unscaled
from dreambench.analysis.summary import Row, Score, Summary
from dreambench.report.main_table import markdown_table
from dreambench.report.protocol_table import SHAPES, named_signatures, protocol_figure, protocol_table
from dreambench.spec.signature import scale_of

OWN = "dreambench:0.1|data:dreambooth@4f887af|clip:a|dino:b|n:4"
TIMES_100 = OWN.replace("|n:4", "|scale:dino*100,clip_i*100|n:4")


def summary(signature: str, methods: dict[str, dict[str, float]], **others: object) -> Summary:
    rows = [Row(method="real", n_images=5, dino=Score(mean=0.9))]
    rows += [
        Row(method=m, n_images=4, **{k: Score(mean=v) for k, v in s.items()}) for m, s in methods.items()
    ]
    return Summary(signature=signature, name="x", n_images=4, unscored=0, rows=rows, subjects={}, **others)


def both(signature: str = OWN, methods: int = 1) -> Summary:
    """One or two methods under a protocol of the paper's scale and one of x 100."""
    names = ("ours", "theirs")[:methods]
    paper = {name: {"dino": 0.62, "clip_i": 0.8, "clip_t": 0.3} for name in names}
    times = {name: {"dino": 70.0, "clip_i": 79.0} for name in names}
    other = TIMES_100.replace("|n:4", "|preset:mini|n:4") if "preset" in signature else TIMES_100
    found = {"paper": summary(signature, paper), "kosmos-g": summary(other, times)}
    return summary(signature, paper, protocols=found)


def texts(content: Summary) -> list[list[str]]:
    found = protocol_table(content)
    assert found is not None
    return [[cell.text for cell in row.cells] for row in found.rows]


def test_each_protocol_has_its_own_scale_and_the_spread_has_none():
    assert texts(both()) == [
        ["paper", "0.620", "0.800", "0.300", "4"],
        ["kosmos-g", "70.000", "79.000", "–", "4"],  # noqa: RUF001
        ["spread", "0.080", "0.010", "", ""],
    ]


def test_two_methods_have_a_column_of_names_and_a_spread_each():
    found = protocol_table(both(methods=2))
    assert found.head[:2] == ("Method", "Protocol")
    assert [row.cells[0].text for row in found.rows] == ["ours"] * 3 + ["theirs"] * 3
    assert found.words == 2


def test_each_methods_spread_is_its_own_and_a_row_has_its_own_count():
    paper = {"ours": {"dino": 0.5}, "theirs": {"dino": 0.4}}
    times = {"ours": {"dino": 60.0}, "theirs": {"dino": 70.0}}
    found = {"paper": summary(OWN, paper), "kosmos-g": summary(TIMES_100, times)}
    shown = texts(summary(OWN, paper, protocols=found))
    assert [(row[0], row[2]) for row in shown if row[1] == "spread"] == [
        ("ours", "0.100"),
        ("theirs", "0.300"),
    ]
    assert {row[-1] for row in shown} == {"4", ""}  # the photos' row has 5


def test_protocols_without_a_common_metric_have_no_spread():
    found = {name: summary(OWN, {"ours": {name: 0.6}}) for name in ("dino", "clip_t")}
    table = protocol_table(summary(OWN, {"ours": {"dino": 0.6}}, protocols=found))
    assert [row.cells[0].text for row in table.rows] == ["dino", "clip_t"]
    assert "Spread" not in table.note


def test_one_protocol_has_no_table():
    alone = summary(OWN, {"ours": {"dino": 0.5}})
    assert protocol_table(alone) is None
    assert protocol_figure(alone) is None
    assert "protocols" not in alone.model_dump()


def test_the_spread_counts_the_protocols_with_the_metric():
    found = {metric: spread for (_, metric), spread in protocol_spreads(both().protocols).items()}
    assert found.keys() == {"dino", "clip_i"}
    assert found["dino"] == pytest.approx(0.08)


def test_a_score_without_its_scale_has_its_interval_without_it():
    found = unscaled(Score(mean=70.0, ci95=(60.0, 80.0)), TIMES_100, "dino")
    assert (found.mean, found.ci95) == (pytest.approx(0.7), pytest.approx((0.6, 0.8)))
    assert unscaled(Score(mean=0.3), TIMES_100, "clip_t") == Score(mean=0.3)


def test_the_miniatures_shapes_are_marked():
    assert SHAPES not in protocol_table(both()).note
    mini = both(OWN.replace("|n:4", "|preset:mini|n:4"))
    assert SHAPES in protocol_table(mini).note


def test_markdown_has_the_table_and_each_signature():
    text = markdown_table(both())
    assert "| kosmos-g | 70.000 | 79.000 |" in text
    assert f"- kosmos-g: `{TIMES_100}`" in text


def test_the_page_can_say_what_each_protocol_restates():
    (first, _), (second, signature) = named_signatures(both())
    assert first.restates is None
    assert second.restates.repository == "microsoft/unilm"
    assert signature == TIMES_100


def test_the_figure_names_the_protocols():
    figure = protocol_figure(both())
    assert "kosmos-g" in figure.svg
    assert "<script" not in figure.svg


def test_protocols_without_a_metric_in_common_have_a_table_and_no_figure():
    other = summary(TIMES_100, {"ours": {"clip_i": 79.0}})
    other = other.model_copy(update={"rows": (Row(method="real", n_images=5), *other.rows[1:])})
    found = {"paper": summary(OWN, {"ours": {"dino": 0.62}}), "kosmos-g": other}
    apart = summary(OWN, {"ours": {"dino": 0.62}}, protocols=found)
    assert protocol_figure(apart) is None
    assert [row[0] for row in texts(apart)][:2] == ["paper", "kosmos-g"]


def test_the_scale_is_read_from_the_signature():
    assert scale_of(TIMES_100, "dino") == 100
    assert scale_of(TIMES_100, "clip_t") == 1
    assert scale_of(OWN, "dino") == 1
