"""The paper's claims as data: what each states, which runs decide it, and by which test."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import yaml
from pydantic import model_validator

from dreambench.paths import data_folder
from dreambench.spec.frozen import Frozen
from dreambench.spec.run_spec import MetricName

Test = Literal["greater", "less", "not-lower-by-more-than", "groups", "identity", "rating"]
PHOTOS = "photos"


class Claim(Frozen):
    """One claim; ``where`` is its place in the paper, ``unit`` what is paired: subjects, or their prompts."""

    id: str
    statement: str
    where: str
    test: Test
    metric: MetricName | None = None
    first: str | None = None
    second: str | None = None
    margin: float = 0.0
    unit: Literal["subject", "prompt"] = "subject"


class Claims(Frozen):
    """All claims, and the conditions that select runs: dotted fields of a spec and their values.

    A condition's ``*`` means any value but null.
    """

    source: str
    runs: Mapping[str, Mapping[str, Any]]
    claims: tuple[Claim, ...]

    @model_validator(mode="after")
    def _all_runs_are_known(self) -> Claims:
        for claim in self.claims:
            for name in (claim.first, claim.second):
                if name not in (None, PHOTOS) and name not in self.runs:
                    raise ValueError(f"claim {claim.id}: {name} is not a key of runs")
        return self


@cache
def paper_claims() -> Claims:
    """Return the claims of ``data/claims.yaml``."""
    text = (data_folder() / "claims.yaml").read_text(encoding="utf-8")
    return Claims.model_validate(yaml.safe_load(text))


def fits(fields: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Return whether a spec's plain data fits all conditions; a field that is missing never fits."""
    return all(_fits(fields, name.split("."), wanted) for name, wanted in conditions.items())


def _fits(fields: Any, path: list[str], wanted: Any) -> bool:
    for name in path:
        if not isinstance(fields, Mapping) or name not in fields:
            return False
        fields = fields[name]
    return fields is not None if wanted == "*" else bool(fields == wanted)
