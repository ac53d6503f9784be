"""A regression check as JUnit XML, for the pages of continuous integration."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from dreambench.analysis.regression import Check, Comparison
from dreambench.spec.registries import get_metric

# Characters that XML 1.0 cannot represent, escaped or not (section 2.2).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SUITE = "dreambench check"


def junit_xml(check: Check) -> str:
    """Return the check as one test suite with one test case per comparison.

    A case is named after its subject ("mean over subjects" for the overall score), its class after the
    metric. A move that counts is a failure, with ``better`` or ``worse`` as its type, and so is a mean with
    too wide a tolerance, with the type ``cannot tell``.
    """
    counts = {"tests": str(len(check.comparisons)), "failures": str(len(check.failed)), "errors": "0"}
    top = ElementTree.Element("testsuites", {"name": SUITE, **counts})
    suite = ElementTree.SubElement(top, "testsuite", {"name": SUITE, **counts, "skipped": "0", "time": "0"})
    properties = ElementTree.SubElement(suite, "properties")
    for name in ("signature", "baseline", "caution"):
        if (value := getattr(check, name)) is None:
            continue
        attributes = {"name": name, "value": _xml_text(value)}
        ElementTree.SubElement(properties, "property", attributes)
    for comparison in check.comparisons:
        _add_case(suite, comparison, comparison in check.failed)
    ElementTree.indent(top)
    text: str = ElementTree.tostring(top, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add_case(suite: ElementTree.Element, comparison: Comparison, failed: bool) -> None:
    name = "mean over subjects" if comparison.subject is None else comparison.subject
    attributes = {"classname": f"dreambench.{comparison.metric}", "name": _xml_text(name), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    message = sentence(comparison)
    if failed:
        kind = comparison.direction if comparison.moved else "cannot tell"
        failure = {"message": _xml_text(message), "type": kind}
        ElementTree.SubElement(case, "failure", failure).text = _xml_text(message)


def sentence(comparison: Comparison) -> str:
    """Write a comparison in one line: ``DINO of dog: 0.5120, expected 0.6100 +/- 0.0200: worse by 0.0980``.

    Four decimals, because the smallest tolerance has four.
    """
    c = comparison
    name = get_metric(c.metric).title + ("" if c.subject is None else f" of {c.subject}")
    moved = "as expected" if c.direction == "same" else f"{c.direction} by {abs(c.difference):.4f}"
    if c.blind and not c.moved:
        moved += ", which says nothing: the tolerance is wider than a tenth of the metric's range"
    return f"{name}: {c.value:.4f}, expected {c.expected:.4f} +/- {c.tolerance:.4f}: {moved}"


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
