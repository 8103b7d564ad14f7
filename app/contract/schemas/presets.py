"""Presets as clients see them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.contract.schemas.base import Told


class CostView(Told):
    """What a run with a preset's own settings was last seen to cost."""

    images_per_second: float = Field(description="Training pictures per second.")
    seconds: float = Field(description="Of the whole run at that speed.")
    device: str = Field(description="Where that was measured.")
    measured_at: datetime


class PresetView(Told):
    """A way of training."""

    name: str = Field(examples=["pictures-tiny"])
    object: Literal["preset"] = "preset"
    kind: Literal["classifier", "generator"]
    description: str
    images: int = Field(description="Training pictures that a run sees in all, unless told otherwise.")
    settings: dict[str, Any] = Field(description="JSON Schema (2020-12) of what can be changed.")
    defaults: dict[str, Any] = Field(description="The preset's own settings.")
    cost: CostView | None = Field(description="Null until someone has measured it; `dry_run` does.")


class PresetList(Told):
    """All presets, by name."""

    object: Literal["list"] = "list"
    data: list[PresetView]
    has_more: bool
    last_id: str | None
