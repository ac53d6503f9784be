"""axe-core on a page that is open in the browser: its serious and critical findings, one line each."""

from __future__ import annotations

from typing import Any

import pytest

BAD = {"serious", "critical"}


def faults(tab: Any) -> list[str]:
    """Return what axe-core holds against a page, as ``rule (impact): element: why``.

    The context must bypass the page's policy, which lets no script but its own run. The test is skipped
    where axe-core is not installed.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(tab, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]}: {node.get('failureSummary', '')}"
        for rule in found
        if rule["impact"] in BAD
        for node in rule["nodes"]
    ]
