"""`likeness keys`: who may use a service; for administrators.

    likeness keys create shop --scope predict --days 90

A secret is printed once, when it is made.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import typer

from app.cli import client, output

application = typer.Typer(help="Make, list, rotate and revoke keys, with an administrator's key.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `likeness keys list` shows it.")]


@application.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[list[str], typer.Option(help="predict, train or admin; may be given several times.")],
    days: Annotated[float | None, typer.Option(min=0.001, help="Days until it ends by itself.")] = None,
    shares: Annotated[
        str | None, typer.Option(metavar="ID", help="A key whose jobs, data sets and models this one sees, too.")
    ] = None,
    as_json: output.AsJson = False,
) -> None:
    """Make a key and print its secret."""
    expires_at = None if days is None else (datetime.now(UTC) + timedelta(days=days)).isoformat()
    body = {"name": name, "scopes": scope, "expires_at": expires_at, "shares": shares}
    with client.service() as service:
        _print_secret(service.post("/v1/keys", body), as_json=as_json)


@application.command("list")
def list_keys(as_json: output.AsJson = False) -> None:
    """List the newest hundred keys, without their secrets."""
    with client.service() as service:
        answer = service.get("/v1/keys", limit=100)
    if as_json:
        output.document(answer)
        return
    rows = []
    for row in answer["data"]:
        moments = (row["expires_at"] or "never", row["last_used_at"] or "never")
        rows.append((row["id"], row["name"], " ".join(row["scopes"]), row["status"], *(at[:16] for at in moments)))
    output.table(("key", "name", "scopes", "status", "expires", "last used"), rows)


@application.command()
def rotate(
    key: KeyId,
    grace_hours: Annotated[
        float, typer.Option(min=0, max=720, help="How long the secret before goes on to work.")
    ] = 24,
    as_json: output.AsJson = False,
) -> None:
    """Give a key a new secret and print it."""
    body = {"grace_seconds": round(3600 * grace_hours)}
    with client.service() as service:
        _print_secret(service.post(f"/v1/keys/{quote(key, safe='')}/rotate", body), as_json=as_json)


@application.command()
def revoke(key: KeyId, as_json: output.AsJson = False) -> None:
    """End a key for good. What it made stays."""
    with client.service() as service:
        answer = service.delete(f"/v1/keys/{quote(key, safe='')}")
    if as_json:
        output.document(answer)
    else:
        print(f"{answer['id']} is revoked.")


def _print_secret(key: dict[str, Any], *, as_json: bool) -> None:
    """The secret alone on standard output, so that a script can take it; what it is on standard error."""
    if as_json:
        output.document(key)
        return
    typer.secho(f"{key['id']} ({' '.join(key['scopes'])}). The secret is shown this once:", err=True)
    print(key["secret"])
