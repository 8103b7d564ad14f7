"""What can be trained."""

import asyncio

from fastapi import APIRouter

from app import errors
from app.contract.errors import Unauthenticated, UnknownPreset
from app.contract.presets import Preset
from app.contract.schemas.presets import CostView, PresetList, PresetView
from app.dependencies import Trainer, TrainingsPart
from app.jobs import preset_settings

router = APIRouter(prefix="/v1/presets", tags=["training"])


@router.get("", operation_id="listPresets", summary="All presets", responses=errors.declared(Unauthenticated))
async def list_presets(trainings: TrainingsPart, _caller: Trainer) -> PresetList:
    """The ways of training that a train worker has offered, by name."""
    data = [_view(preset) for preset in await asyncio.to_thread(trainings.presets)]
    return PresetList(data=data, has_more=False, last_id=data[-1].name if data else None)


@router.get(
    "/{name}",
    operation_id="getPreset",
    summary="One preset",
    responses=errors.declared(Unauthenticated, UnknownPreset),
)
async def get_preset(name: str, trainings: TrainingsPart, _caller: Trainer) -> PresetView:
    """Its settings as a JSON Schema, from which a form can be made, and its cost."""
    return _view(await asyncio.to_thread(trainings.preset, name))


def _view(preset: Preset) -> PresetView:
    defaults = preset_settings.defaults(preset.settings)
    images = int(defaults["images"])
    cost = preset.cost
    return PresetView(
        name=preset.name,
        kind=preset.kind,
        description=preset.description,
        images=images,
        settings=preset.settings,
        defaults=defaults,
        cost=None
        if cost is None
        else CostView(**cost.model_dump(), seconds=round(images / max(cost.images_per_second, 1e-9), 1)),
    )
