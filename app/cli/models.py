"""`likeness models`: what a service can classify with and draw with.

likeness models
likeness models my-model
likeness models promote my-model sha256:1234567890ab
"""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from app.cli import client, failure


class _NameOrCommand(TyperGroup):
    """Takes the name of a model where a command is expected, and shows that model."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


application = typer.Typer(cls=_NameOrCommand, help="List models; show, promote or remove one.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Name = Annotated[str, typer.Argument(metavar="NAME")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="sha256: and at least 12 hex digits.")]


@application.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models of the service."""
    if context.invoked_subcommand is not None:
        return
    answer = _ask("get", "/v1/models")
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        _print(answer["data"])


@application.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Tell about one model and its versions, as JSON."""
    answer = _ask("get", f"/v1/models/{quote(name, safe='')}")
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    else:
        Console().print_json(data=answer)


@application.command()
def promote(name: Name, version: Version, as_json: AsJson = False) -> None:
    """Put a version into production; an earlier one, to roll back."""
    answer = _ask("put", f"/v1/models/{quote(name, safe='')}/aliases/production", {"version": version})
    print(json.dumps(answer, ensure_ascii=False, indent=2) if as_json else f"{name}@{answer['version']}")


@application.command()
def remove(name: Name, version: Version) -> None:
    """Remove a version that is not in production."""
    _ask("delete", f"/v1/models/{quote(name, safe='')}/versions/{quote(version, safe=':')}")
    print(f"{name}@{version} is removed.")


def _ask(method: str, path: str, *body: dict[str, Any]) -> Any:
    try:
        with client.Client() as service:
            return getattr(service, method)(path, *body)
    except client.ServiceError as error:
        failure.fail(str(error))


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("model", "kind", "version", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["id"], str(row.get("kind", "")), str(row.get("version", ""))[:19])
    Console().print(table)
