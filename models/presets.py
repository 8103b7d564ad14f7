"""Everything that can be trained, by name: one table over classifiers and generators, and one way to run a row of
it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from models import classifier_presets, data, gan_presets, gan_snapshot, settings, train_classifier, train_gan
from models.classifier import operations
from models.classifier_config import ClassifierConfig
from models.gan_presets import GanConfig
from models.progress import Event, Progress

Config = ClassifierConfig | GanConfig
Kind = Literal["classifier", "generator"]

PRESETS: Mapping[str, Config] = {**classifier_presets.PRESETS, **gan_presets.PRESETS}

DESCRIPTIONS: Mapping[str, str] = {
    "clothing-cnn": "Ten kinds of clothing in grey pictures of 28 pixels (Fashion-MNIST), the bundled classifier.",
    "clothing-small": "The bundled classifier's clothing with a sixth of the work.",
    "clothing-plain": "Clothing by the textbook network: convolutions, pooling and fully connected layers.",
    "cifar10": "Ten kinds of things in colour pictures of 32 pixels (CIFAR-10), a benchmark.",
    "cifar10-pretrained": "CIFAR-10 by a network that begins with what it learnt of ImageNet.",
    "pictures-tiny": "A few hundred grey pictures of your own at 28 pixels, learnt within a minute.",
    "pictures-tiny-colour": "A few hundred colour pictures of your own at 32 pixels, learnt within a minute.",
    "pictures-small": "Your own colour pictures at 64 pixels, a small network.",
    "pictures-medium": "Your own colour pictures at 64 pixels, a medium network.",
    "pictures-large": "Your own colour pictures at 64 pixels, a large network.",
    "pictures-pretrained": "Your own colour pictures at 128 pixels, by a network that has seen ImageNet: best of few.",
    "faces-64": "Human faces at 64 pixels, the bundled generator.",
    "faces-128": "Human faces at 128 pixels: what a generator at 64 draws, enlarged by what photographs teach.",
    "clothing-gan": "Clothing of a chosen kind, grey, 28 pixels (Fashion-MNIST), the bundled conditional generator.",
    "clothing-gan-tiny": "Clothing by a small generator, to see it learn within minutes.",
    "pictures-gan": "Your own colour pictures at 64 pixels, a generator without classes.",
}

PROBE_STEPS = 10


def configure(name: str, changes: Mapping[str, Any] | None = None) -> Config:
    """The configuration called `name` with `changes` by dotted names. Raises `ValueError` saying what is wrong."""
    if name not in PRESETS:
        raise ValueError(f"There is no preset {name!r}; known are {', '.join(sorted(PRESETS))}.")
    config = settings.override(PRESETS[name], changes or {})
    if isinstance(config, GanConfig):
        config.check()
    return config


def kind(config: Config) -> Kind:
    """What a run of `config` makes."""
    return "classifier" if isinstance(config, ClassifierConfig) else "generator"


def describe(name: str) -> dict[str, Any]:
    """JSON-able: what the preset is for, and the JSON Schema of its settings with the preset's values as defaults."""
    config = configure(name)
    return {
        "name": name,
        "kind": kind(config),
        "description": DESCRIPTIONS.get(name, ""),
        "data": config.data,
        "size": _size(config),
        "channels": _channels(config),
        "images": config.images,
        "settings": settings.schema(config),
    }


def load(config: Config, folder: Path, *, split: data.Split, cache: Path | None = None) -> data.Pictures:
    """The pictures that `config` trains on: its own data inside `folder` if it is there, else `folder` itself."""
    own = folder / config.data
    return data.load(
        own if own.exists() else folder, split=split, size=_size(config), channels=_channels(config), cache=cache
    )


def true_of(config: Config, folder: Path, *, preset: str) -> Config:
    """`config` as it is true of the pictures that `load` finds in `folder`.

    What the preset says of its own data, its name, licence and credit, is not said of other pictures.
    """
    if (folder / config.data).exists() or folder.name == config.data:
        return config
    theirs = PRESETS[preset]
    licence = "" if config.licence == theirs.licence else config.licence
    credit = "" if config.credit == theirs.credit else config.credit
    return replace(config, data="", licence=licence, credit=credit)


def fitted(config: Config, pictures: data.Pictures) -> Config:
    """`config` with as many classes as the pictures have, if its generator draws classes. A classifier's run sees to
    its own."""
    if isinstance(config, GanConfig) and config.generator.classes:
        return replace(config, generator=replace(config.generator, classes=len(pictures.classes)))
    return config


def train(
    config: Config,
    pictures: data.Pictures,
    *,
    out: Path,
    resume: bool,
    stop: Callable[[], bool],
    initial: Path | None = None,
) -> Iterator[Event]:
    """The loop for `config`: a generator of events that leaves its files under `out`. `initial` is a checkpoint to
    start from. Raises `ValueError` if `config` needs one and there is none."""
    if isinstance(config, GanConfig) and (config.enlarges or config.judges_first):
        begun = initial is not None or (resume and (out / gan_snapshot.STATE_FILE).exists())
        if not begun:
            raise ValueError("An enlarger and judges_first are for a generator that has learnt already: name a start.")
    return _loop(config)(config, pictures, out=out, resume=resume, stop=stop, initial=initial)


def probe(config: Config, pictures: data.Pictures, *, steps: int = PROBE_STEPS) -> float:
    """Training pictures per second on this machine now, from `steps` steps of a run that is thrown away.

    A generator takes at least as many as lie between two penalties, at its full side, where most of its run is spent.
    """
    if isinstance(config, ClassifierConfig):
        config = replace(config, report_images=config.batch, snapshot_images=10**12)
    else:
        steps = max(steps, config.penalty_every)
        config = replace(config, report_every=config.batch, snapshot_every=10**12, sample_every=10**12)
        config = replace(config, start_size=0, keep_sharp=1.0, keep_typical=1.0, judges_first=0)
    marks: list[Progress] = []
    with tempfile.TemporaryDirectory() as scratch:
        for event in _loop(config)(config, pictures, out=Path(scratch), resume=False, stop=lambda: False):
            if isinstance(event, Progress):
                marks.append(event)
            if len(marks) > steps + 1:
                break  # before what a run does at its end, which may take longer than the steps
    first, last = marks[min(1, len(marks) - 1)], marks[-1]  # the first step pays for what is set up once
    return (last.images - first.images) / max(last.seconds - first.seconds, 1e-9) if last is not first else 0.0


def cost(config: Config) -> dict[str, float]:
    """Operations that can be told without running: MFLOP of one picture's forward pass (a multiply-add is two)."""
    if isinstance(config, ClassifierConfig):
        return {"forward_mflop": operations(config.network) / 1e6}
    return {}


def _loop(config: Config) -> Callable[..., Iterator[Event]]:
    return train_classifier.train if isinstance(config, ClassifierConfig) else train_gan.train


def _size(config: Config) -> int:
    return config.network.size if isinstance(config, ClassifierConfig) else config.size


def _channels(config: Config) -> Literal[1, 3]:
    channels = config.network.channels if isinstance(config, ClassifierConfig) else config.channels
    return 1 if channels == 1 else 3
