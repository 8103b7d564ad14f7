"""Seeds in, a walk between their faces out."""

from typing import Literal

from pydantic import Field

from app.contract.schemas.base import Asked, ModelName, Timing, Told
from app.contract.schemas.generate import Edits, Size, Truncation

MotionFormat = Literal["webp", "gif", "mp4"]


class AnimateRequest(Asked):
    """A walk from face to face."""

    model: ModelName = Field("", description="Generator to use. Left out, the default one.", examples=["faces"])
    seeds: list[str | int] = Field(
        min_length=2, max_length=16, description="The faces to visit.", examples=[["ada", "bob", "eve"]]
    )
    frames: int = Field(24, ge=2, le=600, description="How many pictures the walk has.")
    fps: int = Field(12, ge=1, le=60, description="Pictures a second.")
    loop: bool = Field(True, description="Whether the walk leads back, so that it can play for ever without a jump.")
    format: MotionFormat = Field("webp", description="How to encode it.")
    truncation: Truncation | None = None
    label: str | None = Field(None, description="Class to draw, for a generator that knows classes.")
    size: Size | None = None
    edits: Edits = Field(default_factory=dict)


class AnimateResponse(Told):
    """A walk, and where it is."""

    model: str = Field(description="The version that drew it.", examples=["faces@sha256:" + "0" * 64])
    url: str = Field(description="Where the file is.")
    content_type: str = Field(examples=["image/webp"])
    width: int
    height: int
    frames: int
    fps: int
    seconds: float = Field(description="How long it plays once.")
    timing: Timing
