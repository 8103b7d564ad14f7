"""Seeds in, pictures out."""

from typing import Annotated, Literal

from pydantic import Field

from app.contract.schemas.base import Asked, ModelName, Timing, Told

PictureFormat = Literal["png", "jpeg", "webp", "avif"]

CONTENT_TYPES: dict[PictureFormat, str] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
}
EXTENSIONS: dict[PictureFormat, str] = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}

SMALLEST_SIZE, LARGEST_SIZE = 16, 1024
LARGEST_EDIT = 10.0

Size = Annotated[
    int,
    Field(
        ge=SMALLEST_SIZE,
        le=LARGEST_SIZE,
        description="Side of the picture in pixels. Left out, it is the network's own.",
        examples=[256],
    ),
]
Truncation = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="1 draws from the whole variety, 0 gives the average picture. Left out, the model's own choice.",
        examples=[0.7],
    ),
]
Edits = Annotated[
    dict[str, Annotated[float, Field(ge=-LARGEST_EDIT, le=LARGEST_EDIT, allow_inf_nan=False)]],
    Field(
        max_length=16,
        description="Named directions of the model, and how far to go along each.",
        examples=[{"age": 1.5}],
    ),
]


class GenerateRequest(Asked):
    """Pictures to draw. Give `seeds`, or `count` for seeds drawn at random."""

    model: ModelName = Field("", description="Generator to use. Left out, the default one.", examples=["faces"])
    seeds: list[str | int] | None = Field(
        None,
        min_length=1,
        max_length=4096,  # what the settings allow is less, but this ends the reading of many more
        description='Texts or integers, up to 64. The same seed is the same picture; 7 and "7" are the same seed.',
        examples=[["ada", 7]],
    )
    count: int | None = Field(None, ge=1, description="How many pictures to draw from fresh seeds, up to 64.")
    truncation: Truncation | None = None
    label: str | None = Field(None, description="Class to draw, for a generator that knows classes.")
    size: Size | None = None
    format: PictureFormat | None = Field(None, description="How to encode the pictures. Left out, PNG.")
    edits: Edits = Field(default_factory=dict)
    credentials: bool | None = Field(
        None, description="Whether to sign the files with Content Credentials (C2PA). Left out, archives are signed."
    )
    response: Literal["url", "base64"] = Field("url", description="Whether to send the bytes along with the addresses.")


class GeneratedImage(Told):
    """One drawn picture."""

    seed: str = Field(description="Canonical text of the seed.", examples=["ada"])
    url: str = Field(
        description="Where the picture is.", examples=["/v1/faces/ada.png?model=faces@sha256:0123456789ab"]
    )
    content_type: str = Field(examples=["image/png"])
    width: int
    height: int
    native_size: int = Field(description="Side of the network's own picture; a larger one is resampled with Lanczos.")
    sha256: str = Field(description="SHA-256 of the file, in hex.")
    base64: str | None = Field(None, description="The file's bytes, when `response` asks for them.")


class GenerateResponse(Told):
    """The pictures, in order."""

    model: str = Field(description="The version that drew them.", examples=["faces@sha256:" + "0" * 64])
    images: list[GeneratedImage]
    timing: Timing
