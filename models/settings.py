"""Frozen dataclasses as settings: changed by dotted names, checked against their types and ranges, told as JSON Schema.

A field's `metadata` may carry `description`, `minimum` and `maximum`, which hold for each part of a tuple. Types are
int, float, bool, str, Literal, tuples of one type, any of these or None, and dataclasses of such fields.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import Field, field, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Config = TypeVar("Config")


def about(default: Any, description: str, **limits: float) -> Any:
    """A field with a default, what it is, and its `minimum` and `maximum`."""
    return field(default=default, metadata={"description": description, **limits})


def override(config: Config, changes: Mapping[str, Any]) -> Config:
    """`config` with `changes` applied: `{"network.widths": [32, 64]}`, or nested mappings, or text as typed on a
    command line.

    Raises `ValueError` naming the setting that is unknown, of the wrong type or out of range.
    """
    for name, value in changes.items():
        config = _changed(config, name.split("."), value, whole=name)
    return config


def schema(config: Any) -> dict[str, Any]:
    """JSON Schema (2020-12) of a configuration, with `config`'s own values as the defaults."""
    hints = get_type_hints(type(config))
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            entry.name: _property(entry, hints[entry.name], getattr(config, entry.name)) for entry in fields(config)
        },
    }


def flat(config: Any, *, start: str = "") -> dict[str, Any]:
    """Every setting by its dotted name, in order."""
    found: dict[str, Any] = {}
    for entry in fields(config):
        value = getattr(config, entry.name)
        name = start + entry.name
        found |= flat(value, start=f"{name}.") if is_dataclass(value) else {name: value}
    return found


def _changed(config: Any, path: list[str], value: Any, *, whole: str) -> Any:
    known = {entry.name: entry for entry in fields(config)}
    name, rest = path[0], path[1:]
    if name not in known:
        raise ValueError(f"There is no setting {whole!r}; known here are {', '.join(known)}.")
    current = getattr(config, name)
    if is_dataclass(current):
        if rest:
            return replace(config, **{name: _changed(current, rest, value, whole=whole)})
        if not isinstance(value, Mapping):
            raise ValueError(
                f"{whole} is a group of settings; change one of them, such as {whole}.{fields(current)[0].name}."
            )
        for key, inner in value.items():
            current = _changed(current, key.split("."), inner, whole=f"{whole}.{key}")
        return replace(config, **{name: current})
    if rest:
        raise ValueError(f"There is no setting {whole!r}; {name} has no parts.")
    checked = _convert(value, get_type_hints(type(config))[name], name=whole)
    _check_range(checked, known[name], name=whole)
    return replace(config, **{name: checked})


def _convert(value: Any, kind: Any, *, name: str) -> Any:
    """`value` as `kind`. Text is parsed, since a command line has nothing else; anything else must fit already."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        inner = [option for option in get_args(kind) if option is not type(None)]
        if value is None or value in ("none", "null"):
            return None
        return _convert(value, inner[0], name=name)
    if origin is Literal:
        for option in get_args(kind):
            if value == option or (isinstance(value, str) and value == str(option)):
                return option
        raise ValueError(f"{name} is one of {', '.join(str(option) for option in get_args(kind))}, not {value!r}.")
    if origin is tuple:
        if isinstance(value, str):
            value = [part for part in value.strip("()[] ").replace(" ", "").split(",") if part]
        if not isinstance(value, list | tuple):
            raise ValueError(f"{name} is a list, not {value!r}.")
        return tuple(_convert(part, get_args(kind)[0], name=name) for part in value)
    if kind is str and isinstance(value, str):
        return value
    if isinstance(value, str):
        try:
            value = json.loads(value.lower().replace("_", ""))
        except json.JSONDecodeError:
            value = str(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is kind:
        return value
    raise ValueError(f"{name} takes {'a' if kind is not int else 'an'} {kind.__name__}, not {value!r}.")


def _check_range(value: Any, entry: Field[Any], *, name: str) -> None:
    if isinstance(value, tuple):
        for part in value:
            _check_range(part, entry, name=name)
        return
    low, high = entry.metadata.get("minimum"), entry.metadata.get("maximum")
    if low is not None and value is not None and value < low:
        raise ValueError(f"{name} is at least {low}, not {value}.")
    if high is not None and value is not None and value > high:
        raise ValueError(f"{name} is at most {high}, not {value}.")


def _property(entry: Field[Any], kind: Any, default: Any) -> dict[str, Any]:
    told = {key: entry.metadata[key] for key in ("description", "minimum", "maximum") if key in entry.metadata}
    if is_dataclass(default):
        return {**schema(default), **told}
    if isinstance(default, tuple):
        limits = {key: told.pop(key) for key in ("minimum", "maximum") if key in told}
        return {"type": "array", "items": _type(get_args(kind)[0]) | limits, **told, "default": list(default)}
    return {**_type(kind), **told, "default": default}


def _type(kind: Any) -> dict[str, Any]:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_type(option) for option in get_args(kind)]}
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin is tuple:
        return {"type": "array", "items": _type(get_args(kind)[0])}
    names = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}
    if kind not in names:
        raise TypeError(f"A setting cannot be a {kind!r}.")
    return {"type": names[kind]}
