"""Serious and critical findings of axe-core on an open page, one line each."""

from __future__ import annotations

from typing import Any

import pytest

BAD = {"serious", "critical"}


def faults(tab: Any) -> list[str]:
    """Return axe-core's findings on a page, as ``rule (impact): element: why``.

    The context must bypass the page's policy, which allows only its own scripts. The test is skipped if
    axe-core is not installed.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]}: {node.get('failureSummary', '')}"
        for rule in found
        if rule["impact"] in BAD
        for node in rule["nodes"]
    ]
