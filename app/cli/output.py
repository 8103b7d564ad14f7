"""What commands print: one JSON document for programs, a table for people."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def document(answer: Any) -> None:
    """Print `answer` as JSON."""
    print(json.dumps(answer, ensure_ascii=False, indent=2))


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print rows of texts under the names of their columns. What is too long for the terminal is folded, never cut."""
    shown = Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False)
    for row in rows:
        # Names of files and labels are data: left to rich, `photo[/x].png` would be read as markup.
        shown.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    Console().print(shown)
