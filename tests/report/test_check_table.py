"""A regression check on a terminal and as JUnit XML: the run's score, the expected one, and what counts."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from dreambench.analysis.regression import Check, Comparison, fails
from dreambench.report.check_table import check_table
from dreambench.report.junit import junit_xml
from dreambench.report.numbers import MINUS
from dreambench.report.table import WholeTable


def comparison(subject: str | None, value: float, moved: bool, **changes: Any) -> Comparison:
    """A comparison with an expected DINO of 0.5."""
    direction = "better" if value > 0.5 else "worse" if value < 0.5 else "same"
    fields = {"metric": "dino", "subject": subject, "value": value, "expected": 0.5, "tolerance": 0.0625}
    fields |= {"difference": value - 0.5, "moved": moved, "direction": direction, "blind": False}
    return Comparison.model_validate({**fields, **changes})


CHECK = Check(
    signature="x",
    baseline="baseline.json",
    ok=False,
    comparisons=(
        comparison(None, 0.375, True),
        comparison("ant", 0.5, False),
        comparison("bee", 0.75, True),
        comparison("cow", 0.53125, False),
    ),
)


def test_means_and_what_moved_are_shown_with_each_number_in_its_column() -> None:
    (content, *_) = check_table(CHECK).renderables
    assert isinstance(content, WholeTable)
    columns = {str(column.header): [str(cell) for cell in column.cells] for column in content.drawn.columns}
    assert columns["subject"] == ["mean", "bee"]  # what is within its tolerance is only counted
    assert columns["run"] == ["0.3750", "0.7500"]
    assert columns["expected"] == ["0.5000", "0.5000"]
    assert columns["difference"] == [f"{MINUS}0.1250", "+0.2500"]
    assert columns["tolerance"] == ["±0.0625", "±0.0625"]
    assert columns[""] == ["moved, worse", "moved, better"]


def test_a_better_score_is_a_failure_unless_it_is_allowed() -> None:
    for allowed, failed in ((False, ["mean over subjects", "bee"]), (True, ["mean over subjects"])):
        found = tuple(each for each in CHECK.comparisons if fails(each, allowed))
        (suite,) = ElementTree.fromstring(junit_xml(CHECK.model_copy(update={"failed": found})))
        assert (suite.get("tests"), suite.get("failures")) == ("4", str(len(failed)))
        cases = suite.findall("testcase")
        assert [case.get("name") for case in cases if case.find("failure") is not None] == failed
    failures = [case.find("failure") for case in cases]
    assert failures[0] is not None
    assert failures[0].get("message") == "DINO: 0.3750, expected 0.5000 +/- 0.0625: worse by 0.1250"
