"""`likeness api`: one api process, for who supervises the processes themselves."""

from typing import Annotated

import typer

from app import server
from app.cli import failure


def api(
    port: Annotated[int | None, typer.Option(help="Port; LIKENESS_PORT.")] = None,
    host: Annotated[str | None, typer.Option(help="Address; LIKENESS_HOST.")] = None,
) -> None:
    """Run one api process. It needs Redis, a database and a store; see `likeness up` for a service without any."""
    server.serve(failure.read_settings(port=port, host=host))
