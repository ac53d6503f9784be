"""The one base of every pydantic model: what has been validated does not change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A frozen record: an unknown field is an error, and so is a number that is not finite.

    Raises pydantic's ``ValidationError``, which names the field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
