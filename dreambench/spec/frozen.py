"""The bases of every pydantic model: what has been validated does not change."""

from __future__ import annotations

from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator


class Frozen(BaseModel):
    """A frozen record: an unknown field is an error, and so is a number that is not finite.

    Raises pydantic's ``ValidationError``, which names the field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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

    @field_validator("*", mode="after")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        try:
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, str):
                    part.encode()
        except UnicodeEncodeError:
            raise ValueError("it is not text in UTF-8") from None
        return value

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with other values of some fields, which are not checked.

        A dictionary changes fields of a section: ``spec.evolve(seed=1, identifier={"drawn": "sks"})``.
        """
        for name, value in changes.items():
            section = getattr(self, name, None)
            if isinstance(section, Section) and isinstance(value, dict):
                changes[name] = section.evolve(**value)
        return self.model_copy(update=changes)


def first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong as ``field.name: what``; without a field if it is the whole."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation such as ``int | None`` is made of."""
    parts = get_args(annotation)
    return {annotation} | {kind for part in parts for kind in _kinds(part)}
