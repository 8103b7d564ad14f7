"""`likeness models`: what a service can classify with and draw with."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from app.cli import client, failure


def models(
    name: Annotated[str | None, typer.Argument(help="Tell about this model alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the models of the service, or the versions of one."""
    try:
        with client.Client() as service:
            answer = service.get(f"/v1/models/{quote(name, safe='')}" if name else "/v1/models")
    except client.ServiceError as error:
        failure.fail(str(error))
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    elif name:
        Console().print_json(data=answer)
    else:
        _print(answer["data"])


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("model", "kind", "version", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["id"], str(row.get("kind", "")), str(row.get("version", ""))[:19])
    Console().print(table)
