"""A part of a spec: frozen, strict about its fields and about numbers."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import ConfigDict, ValidationInfo, field_validator

from dreambench.spec.frozen import Frozen


class Section(Frozen):
    """A frozen part of a spec; an unknown field is an error, and so is ``true`` where a number is due."""

    model_config = ConfigDict(validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_not_one(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        kinds = _kinds(field.annotation) if field else set()
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a number is needed")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation such as ``int | None`` is made of."""
    parts = get_args(annotation)
    return {annotation} | {kind for part in parts for kind in _kinds(part)}
