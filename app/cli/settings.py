"""`likeness settings`: every variable that changes the service, and what it is here."""

import json
import re
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.cli import failure


def settings(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
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
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table("variable", "value", "meaning", box=None, pad_edge=False)
    for row in rows:
        value = "" if row["value"] is None else str(row["value"])
        table.add_row(row["variable"], f"[bold]{value}[/bold]" if row["given"] else value, row["meaning"])
    Console().print(table)


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
