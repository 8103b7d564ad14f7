"""`likeness models`: what a service can classify with and draw with.

likeness models
likeness models my-model
likeness models promote my-model sha256:1234567890ab
likeness models rollback my-model
likeness models export my-model --format onnx
likeness models import my-model.safetensors --name my-model
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from typer.core import TyperGroup

from app.cli import client, failure, output, progress


class _NameOrCommand(TyperGroup):
    """Takes the name of a model where a command is expected, and shows that model."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


application = typer.Typer(cls=_NameOrCommand, help="List models; show, promote, export, import or remove one.")


class Format(StrEnum):
    """What a version can be exported as."""

    SAFETENSORS = "safetensors"
    ONNX = "onnx"


Name = Annotated[str, typer.Argument(metavar="NAME")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="sha256: and at least 12 hex digits.")]


@application.callback(invoke_without_command=True)
def models(context: typer.Context, as_json: output.AsJson = False) -> None:
    """List the models of the service."""
    if context.invoked_subcommand is not None:
        return
    with client.service() as service:
        answer = service.get("/v1/models")
    if as_json:
        output.document(answer)
    else:
        _print(answer["data"])


@application.command()
def show(name: Name, as_json: output.AsJson = False) -> None:
    """Tell about one model and its versions, as JSON."""
    answer = _model(name)
    if as_json:
        output.document(answer)
    else:
        Console().print_json(data=answer)


@application.command()
def promote(name: Name, version: Version, as_json: output.AsJson = False) -> None:
    """Put a version into production, once a serving worker has used it."""
    _promote(name, version, as_json=as_json)


@application.command()
def rollback(name: Name, as_json: output.AsJson = False) -> None:
    """Go back to the version that was made before the one in production."""
    model = _model(name)
    made = [each["version"] for each in model["versions"]]  # newest first
    earlier = made[made.index(model["version"]) + 1 :] if model["version"] else []
    if not earlier:
        failure.fail(f"{name} has no version from before the one in production; `likeness models {name}` lists them.")
    _promote(name, earlier[0], as_json=as_json)


@application.command()
def export(
    name: Name,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="sha256: and digits; the one in production by default.")
    ] = None,
    format: Annotated[Format, typer.Option(help="The checkpoint, or the graph that ONNX Runtime reads.")] = (
        Format.SAFETENSORS
    ),
    out: Annotated[Path | None, typer.Option("-o", "--out", help="File to write; named after the version.")] = None,
) -> None:
    """Write a version's file to disk."""
    version = version or _model(name)["version"]
    if version is None:
        failure.fail(f"{name} has nothing in production; name a version.")
    target = out or Path(f"{name}-{version.removeprefix('sha256:')[:12]}.{format}")
    try:
        with client.service() as service, progress.bar("downloading", total=None) as bar:
            service.download(f"{_path(name, version)}/export", target, got=bar.advance, format=format)
    except OSError as error:
        failure.fail(f"{target} cannot be written: {error.strerror}.")
    print(target)


@application.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A checkpoint that Likeness wrote.")],
    name: Annotated[str, typer.Option(help="Model that it becomes a version of.")],
    card: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The model card, a file in Markdown.")
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Make a version of a file, once a serving worker has used it. For administrators."""
    told = card.read_text(encoding="utf-8") if card else None
    with client.service() as service, progress.bar("uploading", total=file.stat().st_size) as bar:
        model = service.send_files("/v1/models", files=[file], sent=bar.advance, name=name, card=told)
    if as_json:
        output.document(model)
    else:  # bytes that were there already are no new version, so the newest one need not be the one that was sent
        print(f"{name}: {len(model['versions'])} versions")


@application.command()
def remove(name: Name, version: Version) -> None:
    """Remove a version that is not in production."""
    with client.service() as service:
        service.delete(_path(name, version))
    print(f"{name}@{version} is removed.")


def _promote(name: str, version: str, *, as_json: bool) -> None:
    with client.service() as service:
        model = service.put(f"{_path(name)}/aliases/production", {"version": version})
    if as_json:
        output.document(model)
    else:
        print(f"{name}@{model['version']}")


def _model(name: str) -> Any:
    with client.service() as service:
        return service.get(_path(name))


def _path(name: str, version: str | None = None) -> str:
    whole = f"/v1/models/{quote(name, safe='')}"
    return whole if version is None else f"{whole}/versions/{quote(version, safe=':')}"


def _print(rows: list[dict[str, Any]]) -> None:
    output.table(
        ("model", "kind", "version"),
        [(row["id"], row["kind"], (row["version"] or "none in production")[:19]) for row in rows],
    )
