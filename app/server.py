"""One api process: uvicorn around `app.main.create_app`.

    python -m app.server --fd 7

`likeness api` is the same for a person; this entry leaves out the rest of the command line, which an api that must be
back at once has no use for.
"""

import argparse
import gc
import socket

import uvicorn

from app.contract.settings import Settings
from app.http.repeating import RepeatingProtocol

GARBAGE_THRESHOLDS = (50_000, 20, 20)
"""How many more things than before there are when Python looks for cycles among the new ones; see `gc.set_threshold`.
Requests leave next to none: after a thousand broken pictures of a megabyte each the process is as large as before. But
hundreds that wait are many things, and to look through them again and again took an eighth of an api's time under too
many requests, 80 ms at a stretch."""

GRACE_SECONDS = 5  # for requests in flight and event streams once the process is told to stop


def serve(settings: Settings, *, fd: int | None = None) -> None:
    """Serve until SIGTERM, on the open socket `fd` or else on the address in `settings`."""
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=RepeatingProtocol,
        # Its lines about starting and stopping say what ours say; what goes wrong still comes through.
        log_level="debug" if settings.log_level == "debug" else "warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config).run(sockets=None if fd is None else [socket.socket(fileno=fd)])


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What has been made by now is there to stay. Looking for garbage among all of it, again and again, took a sixth
        # of what answering small requests takes.
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)


def main() -> None:
    """Serve with the settings of the environment."""
    parser = argparse.ArgumentParser(description="One api process.")
    parser.add_argument("--fd", type=int, help="An open socket to listen on.")
    serve(Settings(), fd=parser.parse_args().fd)


if __name__ == "__main__":
    main()
