"""`likeness generate`: pictures of seeds, written to a folder."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli import client, failure, output, progress
from app.contract.schemas.generate import EXTENSIONS, PictureFormat

IMAGES_PER_REQUEST = 16  # small enough for the bar to move, large enough to fill a batch


def generate(
    seeds: Annotated[list[str] | None, typer.Argument(metavar="SEED...", help="Any text or number.")] = None,
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder, made when missing.")] = Path(),
    count: Annotated[int | None, typer.Option(min=1, help="Draw this many new seeds instead.")] = None,
    model: Annotated[str | None, typer.Option(help="Generator, as `name` or `name@sha256:...`.")] = None,
    label: Annotated[str | None, typer.Option(help="Class to draw, for a generator that has classes.")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels per side.")] = None,
    truncation: Annotated[float | None, typer.Option(help="1 is full variety, less is safer.")] = None,
    format: Annotated[PictureFormat, typer.Option(help="How to encode them.")] = "png",
    as_json: output.AsJson = False,
) -> None:
    """Draw the picture of every SEED. The same seed and model give the same picture anywhere."""
    if bool(seeds) == (count is not None):
        failure.fail("Give seeds, or --count, and not both.", code=failure.USAGE)
    options = {"model": model, "label": label, "size": size, "truncation": truncation, "format": format}
    asked = _seeds(seeds) if seeds else _counts(count or 0)
    written = []
    try:
        with (
            client.service() as service,
            progress.bar("drawing", total=count or len(seeds or ()), quiet=as_json) as bar,
        ):
            for part in asked:
                answer = service.post("/v1/generate", {**options, **part, "response": "base64"})
                for image in answer["images"]:
                    written.append({"model": answer["model"]} | _write(image, folder=folder, format=format))
                    bar.advance()
    except OSError as error:
        failure.fail(f"The picture cannot be written: {error}.")
    if as_json:
        output.document(written)
    else:
        for picture in written:
            print(picture["file"])


def file_name(seed: str, *, suffix: str) -> str:
    """Return a file name that tells the seed, and differs for seeds that look alike once cleaned."""
    clean = re.sub(r"[^\w.-]+", "-", seed).strip("-.")[:60]
    if clean != seed or not clean:
        clean = f"{clean}-{hashlib.sha256(seed.encode()).hexdigest()[:8]}".lstrip("-")
    return f"{clean}.{suffix}"


def _seeds(seeds: list[str]) -> list[dict[str, Any]]:
    return [{"seeds": seeds[at : at + IMAGES_PER_REQUEST]} for at in range(0, len(seeds), IMAGES_PER_REQUEST)]


def _counts(total: int) -> list[dict[str, Any]]:
    whole, rest = divmod(total, IMAGES_PER_REQUEST)
    return [{"count": n} for n in [IMAGES_PER_REQUEST] * whole + [rest] * (rest > 0)]


def _write(image: dict[str, Any], *, folder: Path, format: PictureFormat) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(str(image["seed"]), suffix=EXTENSIONS[format])
    path.write_bytes(base64.b64decode(image["base64"]))
    return {"seed": image["seed"], "file": str(path), "sha256": image["sha256"]}
