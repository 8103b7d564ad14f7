"""`likeness backup` and `likeness restore`: everything of an embedded service in a folder, and back."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli import failure
from app.host import backup as copies
from app.host import home

DataDir = Annotated[Path | None, typer.Option(help="Where the service keeps everything; LIKENESS_HOME.")]


def backup(
    folder: Annotated[Path, typer.Argument(help="Where the copy goes; a later one copies only what is new.")],
    data_dir: DataDir = None,
) -> None:
    """Copy database and store while the service runs."""
    settings = failure.read_settings(home=data_dir)
    try:
        copied = copies.backup(settings, folder)
    except (copies.BackupRefused, OSError) as error:
        failure.fail(str(error))
    print(f"{copied / 1e6:.1f} MB of {settings.home} are copied to {folder}.")


def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.")],
    data_dir: DataDir = None,
) -> None:
    """Make an empty data directory into the service of a backup."""
    settings = failure.read_settings(home=data_dir)
    try:
        with home.occupied(settings.home):
            copies.restore(settings, folder)
    except (copies.BackupRefused, home.HomeInUse, OSError) as error:
        failure.fail(str(error))
    print(f"{settings.home} is restored; start it with `likeness up`.")
