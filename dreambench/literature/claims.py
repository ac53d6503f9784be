"""The paper's claims as data: what each states, which runs decide it, and by which test."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import model_validator

from dreambench.paths import data_folder, read_yaml
from dreambench.spec.frozen import Frozen
from dreambench.spec.protocol_spec import MetricName
from dreambench.spec.signature import is_miniature

Test = Literal["greater", "less", "not-lower-by-more-than", "groups", "identity", "rating"]
Decider = Literal["runs", "runs and photos", "photos alone", "public data", "construction of the miniature"]
PHOTOS = "photos"


class Claim(Frozen):
    """One claim; ``where`` is its place in the paper, ``least`` the fewest subjects that can decide it.

    ``paper`` is the effect that the paper publishes, if it does: the difference of two of its numbers.
    ``by`` is what decides it, ``in_the_miniature`` what decides it there, if that differs.
    """

    id: str
    statement: str
    where: str
    test: Test
    metric: MetricName | None = None
    first: str | None = None
    second: str | None = None
    margin: float = 0.0
    least: int = 2
    paper: float | None = None
    by: Decider = "runs"
    in_the_miniature: Decider | None = None

    def decided_by(self, signature: str) -> Decider:
        """Return what decides the claim for scores with a signature."""
        return self.in_the_miniature or self.by if is_miniature(signature) else self.by


class Claims(Frozen):
    """All claims, and the conditions that select runs: dotted fields of a spec and their values."""

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
    return Claims.model_validate(read_yaml(data_folder() / "claims.yaml"))


def fits(fields: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Return whether a spec's plain data meets all conditions; a missing field never does."""
    for path, wanted in conditions.items():
        found: Any = fields
        for name in path.split("."):
            if not isinstance(found, Mapping) or name not in found:
                return False
            found = found[name]
        if found != wanted:
            return False
    return True
