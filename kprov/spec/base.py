"""The base of every part of the cluster file."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, ConfigDict, model_validator


class Model(BaseModel):
    """The base of all parts: frozen, an unknown key is an error, a key without a value has its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, data: object) -> object:
        """Take away optional keys whose value is empty: ``ssh:`` with only comments below it."""
        if not isinstance(data, dict):
            return data
        optional = {field.alias or name for name, field in cls.model_fields.items() if not field.is_required()}
        given = cast("dict[object, object]", data)
        return {key: value for key, value in given.items() if value is not None or key not in optional}
