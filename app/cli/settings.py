"""`likeness settings`: every variable that changes the service, and what it is here."""

import re
from typing import Any

from rich.text import Text

from app.cli import failure, output


def settings(as_json: output.AsJson = False) -> None:
    """List all settings with their values here; keys and passwords stay hidden."""
    read = failure.read_settings()
    values = read.model_dump(mode="json")
    rows = [
        {
            "variable": f"LIKENESS_{name.upper()}",
            "value": _safe(values[name]),
            "given": name in read.model_fields_set,
            "meaning": field.description or "",
        }
        for name, field in type(read).model_fields.items()
    ]
    if as_json:
        output.document(rows)
        return
    output.table(("variable", "value", "meaning"), [(row["variable"], _shown(row), row["meaning"]) for row in rows])


def _shown(row: dict[str, Any]) -> Text:
    value = "" if row["value"] is None else str(row["value"])
    return Text(value, style="bold" if row["given"] else "")


def _safe(value: Any) -> Any:
    """Hide the passwords of addresses, and options whose name says that they are secret."""
    match value:
        case str():
            return re.sub(r"(://[^:/@]*:)[^@/]*@", r"\1***@", value)
        case dict():
            return {key: "***" if _SECRET.search(key) else _safe(inner) for key, inner in value.items()}
        case _:
            return value


_SECRET = re.compile("key|secret|token|password", re.IGNORECASE)
