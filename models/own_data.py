"""The pictures that a checkpoint is measured on: those it says it was trained on, as its network takes them."""

from pathlib import Path
from typing import Literal

from models import checkpoint, data


def part(header: checkpoint.Header, folder: Path, split: data.Split, *, cache: Path | None = None) -> data.Pictures:
    """One split of the data at `folder`, or of the checkpoint's own data inside it. `cache` keeps decoded pictures."""
    own = folder / header.provenance.get("data", "")
    channels: Literal[1, 3] = 1 if header.input["channels"] == 1 else 3
    at = own if own.exists() else folder
    return data.load(at, split=split, size=header.input["size"], channels=channels, cache=cache)
