"""What commands print: one JSON document for programs, a table for people."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def document(answer: Any) -> None:
    """Print `answer` as JSON."""
    print(json.dumps(answer, ensure_ascii=False, indent=2))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of texts under the names of their columns. What is too long for the terminal is folded, never cut."""
    shown = Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
