"""The options of a face's address: strings, checked and never corrected."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.contract.schemas.base import ModelName
from app.contract.schemas.generate import Edits, PictureFormat, Size, Truncation
from app.errors import InvalidFields

FORMATS: dict[str, PictureFormat] = {"png": "png", "jpg": "jpeg", "webp": "webp", "avif": "avif"}
"""The extensions of a face's address."""

_WHOLE = re.compile(r"[0-9]{1,6}")
_DECIMAL = re.compile(r"-?(?:[0-9]{1,6}(?:\.[0-9]{0,24})?|\.[0-9]{1,24})(?:e-[0-9]{1,3})?")
_LONGEST_EDITS = 512


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("is not a whole number")
    return value


def _decimal(value: Any) -> Any:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("is not a decimal number")
    return value


def _edits(value: Any) -> Any:
    """`smile:1.5,age:-2` as a mapping."""
    if not isinstance(value, str):
        return value
    if len(value) > _LONGEST_EDITS:
        raise ValueError(f"has more than {_LONGEST_EDITS} characters")
    found: dict[str, str] = {}
    for edit in value.split(","):
        name, colon, amount = edit.rpartition(":")
        if not colon or not name or not _DECIMAL.fullmatch(amount):
            raise ValueError("is not a list such as smile:1.5,age:-2")
        if name in found:
            raise ValueError(f"names {name} twice")
        found[name] = amount
    return found


class FaceOptions(BaseModel):
    """How to draw a face; the query of its address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[Size | None, BeforeValidator(_whole)] = None
    truncation: Annotated[Truncation | None, BeforeValidator(_decimal)] = None
    model: ModelName = Field("", examples=["faces@sha256:0123456789ab"])
    label: str | None = Field(None, max_length=200, description="Class to draw, for a generator that knows classes.")
    edits: Annotated[Edits, BeforeValidator(_edits)] = Field(default_factory=dict)

    @classmethod
    def read(cls, items: Iterable[tuple[str, str]]) -> "FaceOptions":
        """The options that these names and values give.

        Raises:
            InvalidFields: one is unknown, comes twice, or has a value that is not valid.
        """
        given: dict[str, str] = {}
        for name, value in items:
            if name in given:
                raise InvalidFields([{"loc": ("query", name), "msg": "comes twice"}])
            given[name] = value
        try:
            return cls.model_validate_strings(given)
        except ValidationError as error:
            raise InvalidFields.of(error, "query") from None
