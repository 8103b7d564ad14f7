"""Settings of a training, checked against what a preset's JSON Schema allows, before anything is queued."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from app import seeds
from app.errors import InvalidFields

MOST_SETTINGS = 200
LARGEST_INTEGER = 2**63 - 1


def check(changes: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The changes of a preset, nested.

    Args:
        changes: nested, or with dotted names, or both.

    Raises:
        InvalidFields: a setting is unknown, of the wrong type, out of range, or nothing that JSON can hold.
    """
    import jsonschema  # a tenth of an api's start, for the few requests that train

    nested = _nested(changes)
    found = []
    for error in jsonschema.Draft202012Validator(dict(schema)).iter_errors(nested):
        found.append({"loc": ("body", "settings", *error.absolute_path), "msg": error.message})
    if found:
        raise InvalidFields(found)
    return nested


def defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The preset's own settings, nested."""
    return {
        name: defaults(entry) if "properties" in entry else entry["default"]
        for name, entry in schema["properties"].items()
    }


def merged(own: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`own` with nested `changes`."""
    return {
        name: merged(value, changes.get(name, {})) if isinstance(value, Mapping) else changes.get(name, value)
        for name, value in own.items()
    }


def _nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, (path, value) in enumerate(_leaves(changes, ())):
        if number >= MOST_SETTINGS:
            raise InvalidFields([{"loc": ("body", "settings"), "msg": f"has more than {MOST_SETTINGS} settings"}])
        if fault := _fault(value):
            raise InvalidFields([{"loc": ("body", "settings", *path), "msg": fault}])
        place = found
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InvalidFields([{"loc": ("body", "settings", *path), "msg": "is given twice"}])
        if path[-1] in place:
            raise InvalidFields([{"loc": ("body", "settings", *path), "msg": "is given twice"}])
        place[path[-1]] = value
    return found


def _fault(value: Any) -> str | None:
    """Why a value cannot be kept as JSON, or None. Python's parser takes NaN, and a schema finds it in every range."""
    match value:
        case float() if not math.isfinite(value):
            return "is no finite number"
        case int() if abs(value) > LARGEST_INTEGER:
            return "is a number of more than 64 bits"
        case str() if not seeds.is_text(value):
            return "contains a character that is no text (NUL, or half of a surrogate pair)"
        case list():
            return next(filter(None, map(_fault, value)), None)
        case _:
            return None


def _leaves(changes: Mapping[str, Any], start: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in changes.items():
        path = (*start, *name.split("."))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path, value
