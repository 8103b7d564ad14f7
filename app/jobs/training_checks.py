"""What a training asks for is checked before anything is queued: preset, settings, pictures, names, webhook."""

import asyncio
from typing import Any

from app.access.caller import Caller
from app.contract import datasets, presets, training
from app.contract.database import Database
from app.contract.datasets import Dataset
from app.contract.errors import BadDataset, BadOption, Forbidden, UnknownModel, WrongKind
from app.contract.presets import Preset
from app.contract.schemas.training import ImagesBudget, MinutesBudget, TrainingJobRequest
from app.contract.settings import Settings
from app.contract.training import TrainingRequest
from app.interactive.catalog import Catalog
from app.jobs import preset_settings, webhook_address
from app.jobs.datasets import Datasets

LEAST_OF_A_CLASS = 2


class TrainingChecks:
    """Turns what a client asks for into what a worker is told."""

    def __init__(self, database: Database, catalog: Catalog, found: Datasets, settings: Settings) -> None:
        self._database, self._catalog, self._datasets = database, catalog, found
        self._private_webhooks = settings.webhook_private_addresses

    async def check(self, asked: TrainingJobRequest, caller: Caller) -> tuple[TrainingRequest, Preset]:
        """What a worker will be told, and the preset.

        Raises:
            UnknownPreset, UnknownDataset, DatasetNotReady, BadDataset, UnknownModel, UnknownVersion, WrongKind: what
                the request names is not there, or does not fit.
            InvalidFields, BadOption: a setting is not valid.
            Forbidden: the model belongs to another key.
            WebhookRefused: nothing is sent to that address.
        """
        preset, dataset = await asyncio.to_thread(self._named, asked, caller)
        changes = preset_settings.check(asked.settings, preset.settings)
        settings = preset_settings.merged(preset_settings.defaults(preset.settings), changes)
        if "data" in changes:
            raise BadOption(name="settings.data", reason="is said by `dataset`")
        if asked.budget is not None and "images" in changes:
            raise BadOption(name="settings.images", reason="is said by `budget`, too; give one of them")
        _check_pictures(dataset, preset, settings)
        self._check_model(asked.model, preset, caller)
        start = self._catalog.resolve(asked.resume_from, kind=preset.kind) if asked.resume_from else None
        if start is None and _goes_on(settings):
            raise BadOption(name="resume_from", reason="is missing: what is asked for goes on from a trained generator")
        if asked.webhook is not None:
            await webhook_address.check(asked.webhook.url, private=self._private_webhooks)
        request = TrainingRequest(
            preset=preset.name,
            dataset=dataset.id,
            dataset_name=dataset.name,
            model=asked.model,
            settings=changes,
            images=asked.budget.images if isinstance(asked.budget, ImagesBudget) else None,
            minutes=asked.budget.minutes if isinstance(asked.budget, MinutesBudget) else None,
            resume_from=start.ref if start else None,
            promote=asked.promote,
        )
        return request, preset

    def _named(self, asked: TrainingJobRequest, caller: Caller) -> tuple[Preset, Dataset]:
        dataset = self._datasets.get(asked.dataset, caller)
        with self._database.session() as session:
            return presets.get(session, asked.preset), datasets.take(session, dataset.id)

    def _check_model(self, name: str, preset: Preset, caller: Caller) -> None:
        if name.startswith(training.RUNS):
            reason = f"does not begin with {training.RUNS}; such names are those of running jobs"
            raise BadOption(name="model", reason=reason)
        if not self._catalog.is_taken(name):
            return
        try:
            model = self._catalog.model(name)
        except UnknownModel:
            raise _taken(name) from None
        if model.kind != preset.kind:
            raise WrongKind(model=name, kind=model.kind, wanted=preset.kind)
        if caller.owner is not None and model.owner != caller.key:
            raise _taken(name)


def _taken(name: str) -> Forbidden:
    return Forbidden(f"The name {name} is that of a model which this key may not change; choose another name.")


def _goes_on(settings: dict[str, Any]) -> bool:
    """Whether a training with these settings needs a generator that has learnt already."""
    return bool(settings.get("judges_first") or settings.get("generator", {}).get("enlarger_width"))


def _check_pictures(dataset: Dataset, preset: Preset, settings: dict[str, Any]) -> None:
    """Refuse what the training would refuse, before it waits for a worker."""
    report = dataset.report
    strangers = sorted(set(dataset.classes) - set(report["train_classes"]))
    if strangers:
        raise BadDataset(reason=f"the class {strangers[0]!r} has pictures to test and none to train on")
    if preset.kind != "classifier":
        return
    if len(dataset.classes) < 2:
        raise BadDataset(reason="a classifier needs pictures in a folder for each of at least two classes")
    for name, count in report["train_classes"].items():
        if count < LEAST_OF_A_CLASS:
            raise BadDataset(
                reason=f"the class {name!r} has {count} picture to train on, and a classifier needs at least "
                f"{LEAST_OF_A_CLASS} of each"
            )
    left = report["train"] - round(report["train"] * float(settings["validation"]))
    if left < settings["batch"] or report["train"] - left < 2:
        raise BadDataset(
            reason=f"{report['train']} pictures to train on are too few for batches of {settings['batch']} and a "
            "validation part; lower `batch`, or add pictures"
        )
