from dataclasses import dataclass, field
from typing import Literal

import pytest

from models import settings


@dataclass(frozen=True)
class Inner:
    widths: tuple[int, ...] = field(default=(8, 16), metadata={"description": "of stages", "minimum": 1})
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    rate: float = field(default=0.1, metadata={"description": "of learning", "minimum": 0, "maximum": 1})
    count: int = 3
    flip: bool = True
    name: str = ""
    limit: int | None = None
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rate": "0.5"}, Outer(rate=0.5)),
        ({"rate": 1}, Outer(rate=1.0)),
        ({"count": "1_000"}, Outer(count=1000)),
        ({"count": "1e3"}, Outer(count=1000)),
        ({"flip": "False"}, Outer(flip=False)),
        ({"name": "12"}, Outer(name="12")),
        ({"limit": "7"}, Outer(limit=7)),
        ({"limit": None}, Outer()),
        ({"inner.widths": "4, 8"}, Outer(inner=Inner(widths=(4, 8)))),
        ({"inner.widths": [4]}, Outer(inner=Inner(widths=(4,)))),
        ({"inner": {"kind": "b", "widths": []}}, Outer(inner=Inner(widths=(), kind="b"))),
    ],
)
def test_a_setting_is_changed(changes: dict[str, object], expected: Outer) -> None:
    assert settings.override(Outer(), changes) == expected


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rates": 1}, "no setting 'rates'; known here are rate, count"),
        ({"inner.width": 1}, "no setting 'inner.width'"),
        ({"rate.x": 1}, "rate has no parts"),
        ({"rate": 2}, "rate is at most 1"),
        ({"rate": "-1"}, "rate is at least 0"),
        ({"rate": "fast"}, "rate takes a float"),
        ({"count": 1.5}, "count takes an int"),
        ({"count": True}, "count takes an int"),
        ({"flip": 1}, "flip takes a bool"),
        ({"name": 3}, "name takes a str"),
        ({"inner": 3}, "inner is a group"),
        ({"inner.kind": "c"}, "inner.kind is one of a, b"),
        ({"inner.widths": 3}, "inner.widths is a list"),
        ({"inner.widths": [8, 0]}, "inner.widths is at least 1, not 0"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        settings.override(Outer(), changes)


def test_the_schema_tells_types_ranges_and_defaults() -> None:
    told = settings.schema(Outer())
    assert told["additionalProperties"] is False
    assert told["properties"]["rate"] == {
        "type": "number",
        "description": "of learning",
        "minimum": 0,
        "maximum": 1,
        "default": 0.1,
    }
    assert told["properties"]["limit"] == {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    assert told["properties"]["inner"]["properties"]["kind"] == {"enum": ["a", "b"], "default": "a"}
    assert told["properties"]["inner"]["properties"]["widths"] == {
        "type": "array",
        "items": {"type": "integer", "minimum": 1},
        "description": "of stages",
        "default": [8, 16],
    }


def test_settings_are_listed_by_their_dotted_names() -> None:
    assert settings.flat(Outer())["inner.kind"] == "a"
    assert settings.override(Outer(), settings.flat(Outer())) == Outer()
