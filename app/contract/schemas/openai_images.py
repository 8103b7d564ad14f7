"""OpenAI's Images API, as its official clients speak it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.contract.schemas.base import ModelName, Told
from app.contract.schemas.generate import Edits, Truncation


class ImagesRequest(BaseModel):
    """What OpenAI's clients send. Fields of theirs that mean nothing here are taken and have no effect."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    prompt: str = Field(
        min_length=1,
        max_length=32_000,
        description="The seed. A word of it that is a class of the generator selects the class.",
        examples=["ada"],
    )
    model: ModelName | None = Field(None, description="Generator to use. Left out, the default one.")
    n: int | None = Field(None, ge=1, le=10, description="How many pictures; each has a seed of its own.")
    size: str | None = Field(
        None,
        max_length=20,
        description="`auto` (the network's own), or a square such as 256x256.",
        examples=["256x256"],
    )
    response_format: Literal["url", "b64_json"] | None = Field(None, description="Left out, both.")
    output_format: Literal["png", "jpeg", "webp"] | None = Field(None, description="Left out, PNG.")
    output_compression: int | None = Field(None, ge=0, le=100, description="Quality of JPEG and WebP.")
    background: Literal["auto", "opaque"] | None = Field(None, description="Pictures are opaque.")
    stream: bool | None = Field(None, description="Whether to answer with server-sent events, one for each picture.")
    truncation: Truncation | None = None
    edits: Edits = Field(default_factory=dict)


class Image(Told):
    """One picture."""

    url: str | None = Field(None, description="Where it is; the address is good for ever.")
    b64_json: str | None = None
    revised_prompt: str = Field(description="The seed that it was drawn from.")


class ImagesResponse(Told):
    """The pictures."""

    created: int = Field(description="Unix time, in seconds.")
    data: list[Image]
    background: Literal["opaque"] = "opaque"
    output_format: Literal["png", "jpeg", "webp"]
    size: str = Field(examples=["256x256"])
