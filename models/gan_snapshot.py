"""What a generator's run leaves behind: the state that resumes it, and the checkpoint that is served."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models import checkpoint
from models.gan import Generator
from models.gan_presets import GanConfig
from models.gan_run import GanRun
from models.progress import Snapshot
from models.resume import as_json, flatten, load_state, module_in, module_tensors, restore_module, save_state, unflatten

STATE_FILE = "resume.safetensors"
CHECKPOINT_FILE = "checkpoint.safetensors"
AVERAGED_LATENTS = 4096  # behind the mean style of a class


MOST_ROLL_BACKS = 3  # of one run: what halved rates do not help needs another remedy


def write(run: GanRun) -> Snapshot:
    """Write both files into the run's folder; under torchrun only the first process does."""
    state, served = run.out / STATE_FILE, run.out / CHECKPOINT_FILE
    if run.place.leads:
        if not run.config.enlarges:  # whose generator stands still, with the mean that it came with
            measure_average_style(run.average)
        tensors: dict[str, Tensor] = {}
        meta: dict[str, Any] = {"images": run.images, "seconds": run.seconds, "slowed": run.slowed}
        meta |= {"initial": run.initial, "new": run.new}
        meta["networks"] = _shape(run.config)
        for name, network in _networks(run).items():
            tensors |= module_tensors(name, network)
        for name, optimiser in _optimisers(run).items():
            found, meta[name] = flatten(name, optimiser.state_dict())
            tensors |= found
        save_state(state, tensors, meta)
        checkpoint.save(
            served,
            kind="generator",
            network=run.config.generator.to_dict(),
            weights=run.average.state_dict(),
            header=_header(run),
        )
    return Snapshot(run.images, state, served)


def begin_with(run: GanRun, path: Path) -> None:
    """Give a run that has not begun the weights in `path`, a served checkpoint or the resume state of another run.

    A checkpoint holds the generator alone. A state holds its judges, too; new ones would undo what it has learnt before
    they have learnt as much. Either may be of a generator with fewer stages, if those that the run has more are among
    `GeneratorConfig.grown`: they add nothing at first, and the run goes on where the smaller one was. Where an enlarger
    learns, either may be of a generator without one, the averaged weights are taken, which are those that are served,
    and the judges are new. Raises `ValueError` if the weights are of another network.
    """
    weights, shape = _weights_in(path)
    run.initial, run.new = checkpoint.digest(path), shape["generator"] != as_json(run.config.generator.to_dict())
    small = as_json(run.config.generator.without_enlarger().to_dict())
    if run.config.enlarges and shape["generator"] == small:
        weights, shape = dict.fromkeys(("generator", "average"), weights["average"]), _shape(run.config)
    if not _grows(shape, _shape(run.config)):
        raise ValueError("The checkpoint to begin with holds another network than the one that is to be trained.")
    for name, network in _networks(run).items():
        network.load_state_dict(weights.get(name, {}), strict=False)  # what is new keeps the weights of the seed


def restore(run: GanRun) -> None:
    """Go on from the last snapshot in the run's folder, if there is one. Raises `ValueError` if it is of other
    networks.

    Everything else in the configuration may have changed: a run may go on with another learning rate or more pictures.
    """
    path = run.out / STATE_FILE
    if not path.exists():
        return
    tensors, meta = load_state(path)
    if meta["networks"] != _shape(run.config):
        raise ValueError(f"The run in {run.out.name} has other networks; use another folder.")
    run.images, run.seconds, run.slowed = meta["images"], meta["seconds"], meta.get("slowed", 1.0)
    run.initial, run.new = meta.get("initial"), meta.get("new", True)
    for name, network in _networks(run).items():
        # A run may go on with an energy distance that it began without.
        if name != "energy" or "energy.fake" in tensors:
            restore_module(name, network, tensors)
    for name, optimiser in _optimisers(run).items():
        optimiser.load_state_dict(unflatten(tensors, meta[name]))
        for group in optimiser.param_groups:
            group["betas"] = (0.0, run.config.beta2)  # in the place of those of the state


def roll_back(run: GanRun) -> None:
    """Go back to the last snapshot, whose losses and weights were numbers, and halve the learning rates from there on.

    Raises `FloatingPointError` if there is none, or if that has not helped.
    """
    slowed = run.slowed / 2
    if not (run.out / STATE_FILE).exists() or slowed < 0.5**MOST_ROLL_BACKS:
        raise FloatingPointError(f"The losses are no numbers after {run.images} pictures; lower the learning rate.")
    spent = run.seconds
    restore(run)
    run.slowed, run.seconds = slowed, spent


@torch.no_grad()
def measure_average_style(generator: Generator) -> None:
    """Set the generator's mean style of each class, which truncation pulls towards, from fixed latents."""
    config, device = generator.config, generator.w_average.device
    fixed = torch.Generator().manual_seed(0)
    z = torch.randn(AVERAGED_LATENTS, config.latent_size, generator=fixed).to(device)
    for label in range(max(config.classes, 1)):
        labels = torch.full((len(z),), label, device=device) if config.classes else None
        generator.w_average[label] = generator.mapping(z, labels).mean(0)


def _networks(run: GanRun) -> dict[str, nn.Module]:
    networks: dict[str, nn.Module] = {
        "generator": run.generator,
        "average": run.average,
        "pixels": run.pixels,
        "features": run.features,
    }
    return networks if run.energy is None else networks | {"energy": run.energy}


def _optimisers(run: GanRun) -> dict[str, torch.optim.Optimizer]:
    return {"generator_steps": run.generator_steps, "judge_steps": run.judge_steps}


def _header(run: GanRun) -> dict[str, Any]:
    config = run.config
    return {
        "input": {"size": config.size, "channels": config.channels},
        "labels": run.pictures.classes if config.generator.classes else (),
        "training": asdict(config) | {"images_seen": run.images, "pictures": len(run.pictures), "initial": run.initial},
        "provenance": {
            "data": config.data,
            "digest": run.pictures.digest,
            "licence": config.licence,
            "credit": config.credit,
        },
    }


def _weights_in(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The weights in a checkpoint or a state, network by network, and the shape of these networks."""
    try:
        loaded = checkpoint.load(path)
    except checkpoint.NotACheckpoint:
        tensors, meta = load_state(path)
        trained = ("generator", "average", "pixels", "features")
        return {name: module_in(name, tensors) for name in trained}, meta.get("networks", {"generator": {}})
    weights = {name: value for name, value in loaded.weights.items() if not name.startswith(checkpoint.DIRECTION)}
    return {"generator": weights, "average": weights}, {"generator": loaded.header.network}


def _grows(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether networks of the shape `held` become those of the shape `wanted` by growing, or are those."""
    smaller, larger = dict(held["generator"]), dict(wanted["generator"])
    few, many = smaller.pop("widths", []), larger.pop("widths")
    smaller.pop("grown", None)
    lacking, silent = len(many) - len(few), larger.pop("grown")
    judges = held.get("pixels", [])
    return (
        smaller == larger
        and 0 <= lacking <= silent
        and many[: len(few)] == few
        and wanted["pixels"][: len(judges)] == judges
    )


def _shape(config: GanConfig) -> dict[str, Any]:
    """What must not change between a snapshot and its continuation, as it comes back from JSON."""
    shape: dict[str, Any] = as_json({"generator": config.generator.to_dict(), "pixels": config.discriminator_widths})
    return shape
