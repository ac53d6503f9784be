"""The ``Example:`` sections of docstrings as code on the documentation site (a griffe extension)."""

from __future__ import annotations

from typing import Any

import griffe


class Examples(griffe.Extension):
    """Griffe, which mkdocstrings reads docstrings with, knows the section under its plural alone."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section in an object's docstring."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("Example:\n", "Examples:\n")
