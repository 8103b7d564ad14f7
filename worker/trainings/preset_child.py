"""The process that knows the presets: `python -m worker.trainings.preset_child FOLDER DESCRIPTOR PARENT`.

It tells of all of them, or times a few steps of one on made-up pictures, for who wants to know the cost beforehand.
"""

from pathlib import Path
from typing import Any

import torch

from models import data, devices, presets
from models.classifier_config import ClassifierConfig
from worker.trainings import child, reports

MADE_UP = 512


def answer(request: dict[str, Any], _folder: Path, pipe: reports.Pipe) -> None:
    """Report `{"presets": [...]}`, or the speed of one preset. Raises `ValueError` for settings that do not fit."""
    if request["preset"] is None:
        pipe.tell(reports.Result(values={"presets": [presets.describe(name) for name in presets.PRESETS]}))
    else:
        pipe.tell(reports.Result(values=speed(request["preset"], request["settings"])))


def speed(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """`{"images_per_second", "device", "images"}` of a preset with changes."""
    config = presets.configure(name, changes)
    rate = presets.probe(config, _made_up(config))
    return {
        "images_per_second": rate,
        "device": str(devices.place().device),
        "images": config.images,
        **presets.cost(config),
    }


def _made_up(config: presets.Config) -> data.Pictures:
    """Noise of as many classes as `config` asks for: none for a generator without."""
    network = config.network if isinstance(config, ClassifierConfig) else config.generator
    random = torch.Generator().manual_seed(0)
    shape = (max(MADE_UP, 4 * config.batch), network.channels, network.size, network.size)
    classes = tuple(str(number) for number in range(network.classes))
    return data.Pictures(
        images=torch.randint(0, 256, shape, generator=random, dtype=torch.uint8),
        labels=torch.arange(shape[0]) % len(classes) if classes else None,
        classes=classes,
        names=tuple(str(number) for number in range(shape[0])),
        digest="0" * 64,
    )


if __name__ == "__main__":
    child.run(answer)
