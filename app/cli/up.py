"""`likeness up`: the whole service on this machine, in one terminal."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli import failure
from app.host import embedded, home, stack

_NAME_COLUMNS = 8
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue")


def up(
    port: Annotated[int | None, typer.Option(help="Port of the api; 0 takes a free one.", show_default="8000")] = None,
    host: Annotated[str | None, typer.Option(help="Address of the api.", show_default="127.0.0.1")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept; LIKENESS_HOME.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Infer workers; one fills a CPU, each GPU wants one.")] = 1,
) -> None:
    """Start everything: Redis, database, api and workers. Ctrl-C stops it."""
    settings = failure.read_settings(port=port, host=host, home=data_dir)
    service = stack.Stack(settings, workers=workers, write=_write, on_ready=_greet)
    try:
        asyncio.run(service.run())
    except (stack.StackError, home.HomeInUse, embedded.EmbeddedRedisError) as error:
        failure.fail(str(error))


def _write(name: str, line: str) -> None:
    if not line:
        return  # blank lines set a block apart on a screen of its own, not between the lines of others
    if sys.stdout.isatty():
        name = typer.style(f"{name:<{_NAME_COLUMNS}}", fg=_COLOURS[sum(name.encode()) % len(_COLOURS)])
        print(f"{name} {line}", flush=True)
    else:
        print(f"{name:<{_NAME_COLUMNS}} {line}", flush=True)


def _greet(address: str, seconds: float) -> None:
    typer.secho(f"\nLikeness is ready at {address} ({seconds:.1f} s).", bold=True)
    print(f"  Draw a face:         curl {address}/v1/faces/ada.png -o ada.png")
    print(f"  Classify a picture:  curl {address}/v1/classify -F image=@picture.png")
    print(f"  Look around:         {address}/  and  {address}/docs")
    print("  Stop:                Ctrl-C\n", flush=True)
