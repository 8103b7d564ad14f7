"""`likeness datasets`: pictures to train on.

likeness datasets add clothes.zip
likeness datasets add photos/ --name photos
"""

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from app.cli import client, failure, following, output, progress

application = typer.Typer(help="Upload pictures to train on, list and remove them.", no_args_is_help=True)


@application.command()
def add(
    paths: Annotated[
        list[Path],
        typer.Argument(exists=True, help="A zip or tar, a folder with one folder per class, or IDX files."),
    ],
    name: Annotated[str | None, typer.Option(help="What it is called; the file's name by default.")] = None,
    classes: Annotated[str | None, typer.Option(help="IDX files: names of the labels, with commas.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """Upload pictures, and wait until they have been looked through."""
    with client.service() as service:
        found = upload(service, paths, name=name, classes=classes, quiet=as_json)
    if as_json:
        output.document(found)
    else:
        tell(found)
    if found["status"] != "ready":
        raise typer.Exit(failure.FAILED)


@application.command("list")
def list_datasets(as_json: output.AsJson = False) -> None:
    """List the newest data sets."""
    with client.service() as service:
        answer = service.get("/v1/datasets")
    if as_json:
        output.document(answer)
        return
    rows = [
        (row["id"], row["name"], row["status"], str(row["images"]), str(len(row["classes"]))) for row in answer["data"]
    ]
    output.table(("data set", "name", "status", "pictures", "classes"), rows)


@application.command()
def show(dataset: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Tell everything about one data set, as JSON."""
    with client.service() as service:
        Console().print_json(data=service.get(f"/v1/datasets/{quote(dataset, safe='')}"))


@application.command()
def remove(dataset: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Remove a data set and its pictures."""
    with client.service() as service:
        service.delete(f"/v1/datasets/{quote(dataset, safe='')}")
    print(f"{dataset} is removed.")


def upload(
    service: client.Client, paths: Sequence[Path], *, name: str | None, classes: str | None, quiet: bool
) -> dict[str, Any]:
    """The data set that became of files or of one folder, once it has been looked through.

    Raises:
        ServiceError: the service refuses it.
    """
    with _as_files(paths) as files:
        size = sum(file.stat().st_size for file in files)
        with progress.bar("uploading", total=size, quiet=quiet) as bar:
            made = service.send_files(
                "/v1/datasets", files=files, sent=bar.advance, name=name or paths[0].resolve().stem, classes=classes
            )
    found: dict[str, Any] = following.dataset(service, made["id"], quiet=quiet)
    return found


def tell(dataset: dict[str, Any]) -> None:
    """Print what a person wants to know of a data set."""
    if dataset["status"] == "failed":
        typer.secho(dataset["error"]["detail"], err=True, fg=typer.colors.RED)
        return
    report = dataset["report"]
    print(f"{dataset['id']}: {dataset['images']} pictures, {report['train']} to train on and {report['test']} held out")
    for label, count in dataset["classes"].items():
        print(f"  {label}: {count}")
    left_out = {
        "unreadable": report["unreadable_count"],
        "twice": report["duplicates"],
        "too small": report["too_small"],
    }
    if any(left_out.values()):
        print("left out: " + ", ".join(f"{count} {why}" for why, count in left_out.items() if count))
    for warning in report["warnings"]:
        typer.secho(warning, err=True, fg=typer.colors.YELLOW)


@contextmanager
def _as_files(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """The files themselves; a folder becomes a zip for as long as the block runs."""
    if not any(path.is_dir() for path in paths):
        yield paths
        return
    if len(paths) > 1:
        failure.fail("Give one folder, or files.", code=failure.USAGE)
    folder = paths[0].resolve()
    with tempfile.TemporaryDirectory(prefix="likeness-") as scratch:
        packed = Path(scratch) / f"{folder.name}.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file() and not file.is_symlink():
                    archive.write(file, file.relative_to(folder).as_posix())
        yield [packed]
