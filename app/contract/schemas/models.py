"""Models and their versions."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from app.contract.schemas.base import Asked, Told


class VersionView(Told):
    """One immutable version of a model."""

    version: str = Field(examples=["sha256:" + "0" * 64])
    aliases: list[str]
    source: str = Field(description="bundled, imported, or the job that trained it.")
    size_bytes: int
    created_at: datetime
    labels: list[str]
    input: dict[str, Any] = Field(description="Size and channels of the network's pictures.")
    directions: list[str] = Field(description="Names of the edits that a generator knows.")
    metrics: dict[str, Any]
    calibration: dict[str, float] = Field(
        description="What a classifier's numbers mean, found out on pictures it was validated with. `energy`: above "
        "it a picture is `unfamiliar`. `abstain`: an `abstain_below` with which 99 % of the answers are right. "
        "`coverage`: the share of pictures that are answered then."
    )
    provenance: dict[str, Any] = Field(description="The data it was trained on, and their licence.")


class ModelEntry(Told):
    """A model in the list, in the shape that OpenAI's clients read, too."""

    id: str = Field(examples=["faces"])
    object: Literal["model"] = "model"
    created: int = Field(description="Unix time, in seconds.")
    owned_by: str = Field(examples=["bundled"])
    kind: Literal["classifier", "generator"]
    version: str | None = Field(description="The version in production.", examples=["sha256:" + "0" * 64])
    labels: list[str]
    size: int | None = Field(description="Side of the network's own pictures, in pixels.")
    truncation: float | None = Field(description="What a generator takes when a request leaves truncation out.")
    default: bool = Field(description="Whether a request that names no model gets this one.")


class AliasTarget(Asked):
    """What an alias is to refer to."""

    version: str = Field(
        pattern=r"^sha256:[0-9a-f]{12,64}$", description="At least 12 hex digits.", examples=["sha256:" + "0" * 64]
    )


class ModelList(Told):
    """All models, by name."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]
    has_more: bool
    last_id: str | None


class ModelDetail(ModelEntry):
    """A model with its versions."""

    versions: list[VersionView] = Field(description="Newest first.")
    aliases: dict[str, str] = Field(description="Alias to version.")
    card: str = Field(description="The model card of the version in production, in Markdown.")
