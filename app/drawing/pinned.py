"""Addresses that name a version: what is there is the same for ever, and may be kept for a year."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from app.contract.registry import Version
from app.contract.schemas.animate import MotionFormat
from app.contract.schemas.generate import EXTENSIONS, PictureFormat

Value = str | int | float | bool | Mapping[str, float] | None

_DIGITS = 16  # of the digest: enough to be unique, short enough to read


def face(version: Version, seed: str, format: PictureFormat, **options: Value) -> str:
    """The address of a face, with those options that are given.

    Args:
        version: what draws it.
        seed: a canonical seed.
        format: how it is encoded.
        options: those of a face's address; None is left out, and a mapping holds edits.
    """
    return f"/v1/faces/{quote(seed, safe='')}.{EXTENSIONS[format]}?{_query(version, options)}"


def walk(version: Version, first: str, last: str, format: MotionFormat, **options: Value) -> str:
    """The address of a walk between two canonical seeds; the rest as for `face`."""
    ends = f"{quote(first, safe='')}/to/{quote(last, safe='')}"
    return f"/v1/faces/{ends}.{format}?{_query(version, options)}"


def _query(version: Version, options: Mapping[str, Value]) -> str:
    given = {name: _text(value) for name, value in options.items() if value is not None and value != {}}
    return urlencode({"model": f"{version.model}@sha256:{version.digest[:_DIGITS]}", **given}, safe="@:,")


def _text(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value).removesuffix(".0")  # every digit: another number would be another picture
        case Mapping():
            return ",".join(f"{name}:{_text(float(amount))}" for name, amount in value.items())
        case _:
            return str(value)
