"""Drawn pictures as the generate route tells of them: as records with addresses, as one file, or as an archive."""

import base64
import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

from app.contract.registry import Version
from app.contract.schemas.generate import (
    CONTENT_TYPES,
    EXTENSIONS,
    GeneratedImage,
    GenerateRequest,
    PictureFormat,
)
from app.drawing import pinned
from app.drawing.face_cache import Picture

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date an archive can hold: the same pictures are the same archive


def image(
    version: Version, seed: str, picture: Picture, *, asked: GenerateRequest, format: PictureFormat
) -> GeneratedImage:
    """One picture of a `generate` answer."""
    return GeneratedImage(
        seed=seed,
        url=pinned.face(
            version,
            seed,
            format,
            size=asked.size,
            truncation=asked.truncation,
            label=asked.label,
            edits=asked.edits,
            credentials=asked.credentials or None,
        ),
        content_type=CONTENT_TYPES[format],
        width=picture.width,
        height=picture.height,
        native_size=picture.native_size,
        sha256=picture.sha256,
        base64=base64.b64encode(picture.data).decode() if asked.response == "base64" else None,
    )


def archive(version: Version, seeds: Sequence[str], pictures: Sequence[Picture], *, format: PictureFormat) -> bytes:
    """A zip of all pictures, and `manifest.json`, which says what they are."""
    out = io.BytesIO()
    entries: list[dict[str, Any]] = []
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as files:
        for number, (seed, picture) in enumerate(zip(seeds, pictures, strict=True)):
            name = f"{number:02d}.{EXTENSIONS[format]}"
            files.writestr(zipfile.ZipInfo(name, _EARLIEST), picture.data)
            size = {"width": picture.width, "height": picture.height}
            entries.append({"file": name, "seed": seed, "sha256": picture.sha256, **size})
        manifest = json.dumps({"model": version.ref, "images": entries}, ensure_ascii=False, indent=2)
        files.writestr(zipfile.ZipInfo("manifest.json", _EARLIEST), manifest)
    return out.getvalue()
