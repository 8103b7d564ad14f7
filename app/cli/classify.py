"""`likeness classify`: what the pictures in some files show."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from app.cli import client, failure, output, progress

IMAGES_PER_REQUEST = 16
BYTES_PER_REQUEST = 8_000_000  # below what a service takes in one body


def classify(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE...")],
    model: Annotated[str | None, typer.Option(help="Classifier, as `name` or `name@sha256:...`.")] = None,
    top_k: Annotated[int, typer.Option(min=1, help="Labels told per picture.")] = 3,
    as_json: output.AsJson = False,
) -> None:
    """Name what each picture shows, with a probability. A file that is no picture fails alone."""
    results: list[dict[str, Any]] = []
    with client.service() as service, progress.bar("classifying", total=len(files), quiet=as_json) as bar:
        for some in _requests(files):
            results += _classify(service, some, model=model, top_k=top_k)
            bar.advance(len(some))
    if as_json:
        output.document(results)
    else:
        _print(results)
    if any("error" in result for result in results):
        raise typer.Exit(failure.FAILED)


def _requests(files: list[Path]) -> Iterator[list[Path]]:
    some: list[Path] = []
    held = 0
    for file in files:
        length = file.stat().st_size
        if some and (len(some) == IMAGES_PER_REQUEST or held + length > BYTES_PER_REQUEST):
            yield some
            some, held = [], 0
        some.append(file)
        held += length
    yield some


def _classify(service: client.Client, files: list[Path], *, model: str | None, top_k: int) -> list[dict[str, Any]]:
    """Ask about several files at once, and about each alone when the service refuses one of them."""
    images = [(file.name, file.read_bytes()) for file in files]
    try:
        answer = service.upload("/v1/classify", images=images, model=model, top_k=top_k)
    except client.ServiceError as error:
        if error.status not in {413, 415, 422}:
            raise
        if len(files) == 1:
            return [{"file": str(files[0]), "error": str(error)}]
        return [result for file in files for result in _classify(service, [file], model=model, top_k=top_k)]
    return [
        {
            "file": str(file),
            "model": answer["model"],
            "predictions": result["predictions"],
            "unfamiliar": result.get("unfamiliar", False),  # a service of before there was such a thing
        }
        for file, result in zip(files, answer["results"], strict=True)
    ]


def _print(results: list[dict[str, Any]]) -> None:
    rows: list[tuple[str | Text, ...]] = []
    for result in results:
        if "error" in result:
            rows.append((result["file"], Text(result["error"], style="red"), ""))
        for position, prediction in enumerate(result.get("predictions", ())):
            rows.append(("" if position else result["file"], prediction["label"], f"{prediction['probability']:.1%}"))
        if result.get("unfamiliar"):
            rows.append(("", Text("or none of its classes", style="yellow"), ""))
    output.table(("file", "label", "probability"), rows)
