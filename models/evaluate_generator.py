"""A generator's distances from pictures that it was not trained on."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from models import checkpoint, data, distances
from models.features import load_trunk
from models.latents import seed_latents

DRAWN = 10_000  # pictures, or as many as the test part has


def evaluate(loaded: checkpoint.Checkpoint, folder: Path, *, count: int | None = None) -> dict[str, Any]:
    """Distances of untruncated pictures (seeds 0, 1, 2, ...) from the test part of the data, as JSON-able values.

    `folder` is the data or holds it under the name in the checkpoint. Classes are drawn in turn.
    """
    header = loaded.header
    own = folder / header.provenance.get("data", "")
    source = own if own.exists() else folder
    channels: Literal[1, 3] = 1 if header.input["channels"] == 1 else 3
    real, held_out = (
        data.load(source, split=split, size=header.input["size"], channels=channels).images
        for split in ("train", "test")
    )
    count = min(count or DRAWN, len(held_out))
    network: Any = checkpoint.build(loaded)
    latent_size, classes = header.network["latent_size"], header.network["classes"]

    @torch.no_grad()
    def draw(start: int, stop: int) -> Tensor:
        latents = torch.from_numpy(seed_latents(range(start, stop), latent_size))
        labels = torch.arange(start, stop) % classes if classes else None
        return ((network.sample(latents, labels) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)

    trunk = load_trunk()
    drawn = distances.embed_drawn(draw, trunk, count=count)
    report = distances.report(drawn, distances.embed(real, trunk), distances.embed(held_out[:count], trunk))
    return asdict(report)
