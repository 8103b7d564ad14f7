"""Presets: the ways of training that train workers offer, told at their start so that the api needs no torch."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.contract.database import added, now
from app.contract.errors import UnknownPreset
from app.contract.registry import Kind
from app.contract.tables import PresetRow


class Cost(BaseModel):
    """What a preset was last seen to cost."""

    model_config = ConfigDict(frozen=True)

    images_per_second: float = Field(description="Training pictures per second.")
    device: str = Field(description="Where that was measured.")
    measured_at: datetime


class Preset(BaseModel):
    """One way of training."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    name: str
    kind: Kind
    description: str
    settings: dict[str, Any] = Field(description="JSON Schema of what can be changed, with the defaults.")
    cost: Cost | None
    updated_at: datetime


def offer(session: Session, presets: Iterable[dict[str, Any]]) -> None:
    """Note what a train worker can do; measured costs are kept. Takes `name`, `kind`, `description` and `settings`."""
    for told in presets:
        said = {name: told[name] for name in ("kind", "description", "settings")}
        row = session.get(PresetRow, told["name"], with_for_update=True)
        if row is None and added(session, PresetRow(name=told["name"], cost=None, updated_at=now(), **said)):
            continue
        row = row or session.get_one(PresetRow, told["name"], with_for_update=True)
        row.kind, row.description, row.settings = said["kind"], said["description"], said["settings"]
        row.updated_at = now()
    session.flush()


def presets(session: Session) -> list[Preset]:
    """All of them, by name."""
    return [Preset.model_validate(row) for row in session.scalars(sa.select(PresetRow).order_by(PresetRow.name))]


def get(session: Session, name: str) -> Preset:
    """One of them. Raises `UnknownPreset`."""
    row = session.get(PresetRow, name)
    if row is None:
        raise UnknownPreset(preset=name[:60])
    return Preset.model_validate(row)


def measured(session: Session, name: str, *, images_per_second: float, device: str) -> None:
    """Note what a preset costs."""
    cost = Cost(images_per_second=round(images_per_second, 2), device=device, measured_at=now())
    session.execute(sa.update(PresetRow).where(PresetRow.name == name).values(cost=cost.model_dump(mode="json")))
