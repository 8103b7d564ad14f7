"""What a classifier's run leaves behind: the state that resumes it, and the checkpoint that is served."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from models import calibrated, checkpoint, metrics, resume
from models.classifier_config import ClassifierConfig
from models.classifier_run import ClassifierRun
from models.progress import Event, Metrics, Snapshot

RESUME = "resume.safetensors"
CHECKPOINT = "checkpoint.safetensors"


def write(run: ClassifierRun, *, stopped: bool = False) -> Iterator[Event]:
    """Validate and calibrate the average, and write both files. Only the leading process does.

    When `stopped` the state comes first, in a snapshot of its own: whoever stops a run may not wait for a large network
    to be calibrated. Raises `FloatingPointError` for weights that are no numbers, and then leaves the last files alone.
    """
    if not run.place.leads:
        return
    if not all(bool(parameter.isfinite().all()) for parameter in run.network.parameters()):
        raise FloatingPointError(f"A weight is no number after {run.images} pictures; a lower learning rate may help.")
    if stopped:
        _save_state(run)
        yield Snapshot(run.images, run.out / RESUME, None)
    assert run.validation.labels is not None
    served, logits = calibrated.fit(run.average, run.training, run.validation, device=run.place.device)
    found = metrics.report(logits, run.validation.labels)
    values = {"accuracy": found.accuracy, "nll": found.nll, "ece": found.ece}
    yield Metrics(run.images, {f"validation_{name}": value for name, value in values.items()})
    network = run.config.network
    checkpoint.save(
        run.out / CHECKPOINT,
        kind="classifier",
        network=network.to_dict(),
        weights=served.tensors(),
        header={
            "input": {"size": network.size, "channels": network.channels, "mean": network.mean, "std": network.std},
            "labels": run.training.classes,
            "calibration": asdict(served.fitted),
            "metrics": {"validation": {"count": found.count, **values}},
            "training": asdict(run.config) | {"images_seen": run.images, "initial": run.initial},
            "provenance": {
                "data": run.config.data,
                "digest": run.training.digest,
                "licence": run.config.licence,
                "credit": run.config.credit,
            },
        },
    )
    if not stopped:
        _save_state(run)
    yield Snapshot(run.images, run.out / RESUME, run.out / CHECKPOINT)


def _save_state(run: ClassifierRun) -> None:
    optimizer, skeleton = resume.flatten("optimizer", run.optimizer.state_dict())
    muon, muon_skeleton = resume.flatten("muon", run.muon.state_dict() if run.muon is not None else None)
    resume.save_state(
        run.out / RESUME,
        resume.module_tensors("network", run.network)
        | resume.module_tensors("average", run.average)
        | optimizer
        | muon,
        {
            "images": run.images,
            "seconds": run.progress().seconds,
            "optimizer": skeleton,
            "muon": muon_skeleton,
            "config": asdict(run.config),
            "digest": run.training.digest,
            "initial": run.initial,
        },
    )


def start_from(run: ClassifierRun, path: Path) -> checkpoint.Header:
    """Take the weights of a served classifier; its header. Raises `ValueError` if none fits."""
    loaded = checkpoint.load(path)
    own = run.network.state_dict()
    fitting = {name: value for name, value in loaded.weights.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise ValueError(f"No weight of {path.name} fits this network; choose the network's settings it was made with.")
    for network in (run.network, run.average):
        network.load_state_dict(fitting, strict=False)
    run.initial = checkpoint.digest(path)
    return loaded.header


def share_seen(run: ClassifierRun, initial: checkpoint.Header) -> float:
    """Which share of the run's validation part the initial checkpoint may have been trained on.

    Other data with a class of the same name counts as the same: it may be the same pictures and some more. None is told
    of a checkpoint that does not say what its data was.
    """
    digest, before = initial.provenance.get("digest"), initial.training
    if not digest or set(initial.labels).isdisjoint(run.training.classes):
        return 0.0
    held_out = before.get("validation", 0.0)
    if digest == run.training.digest and before.get("seed") == run.config.seed:
        return max(0.0, 1 - held_out / run.config.validation)  # the smaller part lies within the larger one
    return 1 - held_out


def restore(run: ClassifierRun) -> None:
    """Go on from the last snapshot under `out`, if there is one. Raises `ValueError` if it is of another run."""
    if not (run.out / RESUME).exists():
        return
    tensors, meta = resume.load_state(run.out / RESUME)
    here = resume.as_json(asdict(replace(run.config, images=meta["config"]["images"])))
    # A setting that is younger than the state had its default's effect then.
    there = _completed(meta["config"], resume.as_json(asdict(ClassifierConfig())))
    changed = sorted(key for key, value in here.items() if there[key] != value)
    if changed or meta["digest"] != run.training.digest:
        what = ", ".join(changed) or "data"
        raise ValueError(f"The run in {run.out.name} was started with another {what}; use another folder.")
    resume.restore_module("network", run.network, tensors)
    resume.restore_module("average", run.average, tensors)
    run.optimizer.load_state_dict(resume.unflatten(tensors, meta["optimizer"]))
    if run.muon is not None:
        run.muon.load_state_dict(resume.unflatten(tensors, meta["muon"]))
    run.images, run.seconds_before, run.initial = meta["images"], meta["seconds"], meta.get("initial")


def _completed(settings: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Settings with the defaults of those that are missing, in parts of it as well."""
    parts = {key: value for key, value in settings.items() if isinstance(value, dict)}
    return defaults | settings | {key: _completed(value, defaults.get(key, {})) for key, value in parts.items()}
