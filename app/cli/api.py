"""`likeness api`: one api process, for who supervises the processes themselves."""

import socket
from typing import Annotated

import typer
import uvicorn

from app.cli import failure

GRACE_SECONDS = 5  # for requests in flight and event streams once the process is told to stop


def api(
    port: Annotated[int | None, typer.Option(help="Port; LIKENESS_PORT.")] = None,
    host: Annotated[str | None, typer.Option(help="Address; LIKENESS_HOST.")] = None,
    fd: Annotated[int | None, typer.Option(hidden=True, help="An open socket to listen on instead.")] = None,
) -> None:
    """Run one api process. It needs Redis, a database and a store; see `likeness up` for a service without any."""
    settings = failure.read_settings(port=port, host=host)
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        # Its lines about starting and stopping say what ours say; what goes wrong still comes through.
        log_level="debug" if settings.log_level == "debug" else "warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    uvicorn.Server(config).run(sockets=None if fd is None else [socket.socket(fileno=fd)])
