"""The options of a face's address: strings, checked and never corrected."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from app import seeds
from app.contract.errors import BadOption
from app.contract.schemas.base import ModelName
from app.contract.schemas.generate import EXTENSIONS, Edits, PictureFormat, Size, Truncation
from app.drawing import portrait
from app.drawing.identicon import Kind
from app.errors import InvalidFields

FORMATS: dict[str, PictureFormat] = {extension: format for format, extension in EXTENSIONS.items()}
"""What the extensions of a face's address stand for."""

LONGEST_WALK = 96
"""Most frames of a walk that is answered at once; longer ones are jobs."""

Fallback = Literal["none"] | Kind

_WHOLE = re.compile(r"[0-9]{1,6}")
_DECIMAL = re.compile(r"-?(?:[0-9]{1,6}(?:\.[0-9]{0,24})?|\.[0-9]{1,24})(?:e-[0-9]{1,3})?")
_LONGEST_EDITS = 512


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("is not a whole number")
    return value


def _decimal(value: Any) -> Any:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError("is not a decimal number")
    return value


def _switch(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise ValueError("is neither true nor false")
        return value == "true"
    return value


def _edits(value: Any) -> Any:
    """`age:1.5,warmth:-1` as a mapping."""
    if not isinstance(value, str):
        return value
    if len(value) > _LONGEST_EDITS:
        raise ValueError(f"has more than {_LONGEST_EDITS} characters")
    found: dict[str, str] = {}
    for edit in value.split(","):
        name, colon, amount = edit.rpartition(":")
        if not colon or not name or not _DECIMAL.fullmatch(amount):
            raise ValueError("is not a list such as age:1.5,warmth:-1")
        if name in found:
            raise ValueError(f"names {name} twice")
        found[name] = amount
    return found


_EDITS: TypeAdapter[dict[str, float]] = TypeAdapter(Edits)
Switch = Annotated[bool, BeforeValidator(_switch)]


class DrawingOptions(BaseModel):
    """How to draw and frame: what the addresses of faces, walks and sheets have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[Size | None, BeforeValidator(_whole)] = None
    truncation: Annotated[Truncation | None, BeforeValidator(_decimal)] = None
    model: ModelName = Field("", examples=["faces@sha256:0123456789ab"])
    label: str | None = Field(None, max_length=200, description="Class to draw, for a generator that knows classes.")
    edits: Annotated[Edits, BeforeValidator(_edits)] = Field(default_factory=dict)
    mix: str | None = Field(None, max_length=256, description="A second seed, whose finer half of the style is taken.")
    radius: Annotated[int, BeforeValidator(_whole)] = Field(
        0, ge=0, le=portrait.LARGEST_RADIUS, description="Roundness of the corners in per cent; 50 is a circle."
    )
    background: str | None = Field(
        None, pattern="^[0-9a-fA-F]{6}$", description="Colour behind the picture. Left out: transparent, or white."
    )
    grey: Switch = Field(False, description="Whether to leave the colours out.")
    flip: Switch = Field(False, description="Whether to mirror left and right.")
    rotate: Annotated[int, BeforeValidator(_whole)] = Field(
        0, ge=0, le=portrait.LARGEST_TURN, description="Clockwise turn, in degrees."
    )
    scale: Annotated[int, BeforeValidator(_whole)] = Field(
        100, ge=portrait.SMALLEST_SCALE, le=portrait.LARGEST_SCALE, description="Size within the frame, in per cent."
    )

    @property
    def portrait(self) -> portrait.Portrait:
        """How the picture is framed."""
        return portrait.Portrait(
            radius=self.radius,
            background=self.background and self.background.lower(),
            grey=self.grey,
            flip=self.flip,
            rotate=self.rotate % portrait.LARGEST_TURN,
            scale=self.scale,
        )

    @classmethod
    def read(cls, items: Iterable[tuple[str, str]]) -> Self:
        """The options that these names and values give.

        Raises:
            InvalidFields: one is unknown, comes twice, or has a value that is not valid.
        """
        given: dict[str, str] = {}
        for name, value in items:
            if name in given:
                raise InvalidFields([{"loc": ("query", name), "msg": "comes twice"}])
            given[name] = value
        try:
            return cls.model_validate_strings(given)
        except ValidationError as error:
            raise InvalidFields.of(error, "query") from None


class FaceOptions(DrawingOptions):
    """The query of a face's address."""

    fallback: Fallback = Field(
        "none", description="What to answer while no worker can draw: a stand-in, or `none` for 503."
    )
    credentials: Switch = Field(False, description="Whether to sign the file with Content Credentials (C2PA).")


class WalkOptions(DrawingOptions):
    """The query of a walk's address."""

    frames: Annotated[int, BeforeValidator(_whole)] = Field(
        24, ge=2, le=LONGEST_WALK, description="How many pictures the walk has."
    )
    fps: Annotated[int, BeforeValidator(_whole)] = Field(12, ge=1, le=60, description="Pictures a second.")
    loop: Switch = Field(True, description="Whether the walk leads back, so that it can play for ever without a jump.")
    via: str | None = Field(
        None, max_length=4000, description="Seeds to visit on the way, joined by commas.", examples=["bob,cat"]
    )


class SheetOptions(DrawingOptions):
    """The query of a sheet's address."""

    seeds: str = Field(max_length=4000, description="Seeds joined by commas.", examples=["ada,bob,eve"])
    columns: Annotated[int | None, BeforeValidator(_whole)] = Field(
        None,
        ge=1,
        le=64,
        description="Pictures in a row. Left out, a square sheet, or a row for each seed's expressions.",
    )
    gap: Annotated[int, BeforeValidator(_whole)] = Field(0, ge=0, le=64, description="Pixels between pictures.")
    expressions: str | None = Field(
        None,
        max_length=1000,
        description="Edits of every seed, joined by semicolons; `neutral` is none of them, and `all` is every "
        "direction of the model, both ways.",
        examples=["neutral;age:2;age:-1,warmth:1"],
    )


def parameters(options: type[DrawingOptions]) -> list[dict[str, Any]]:
    """Options as OpenAPI's query parameters."""
    whole = options.model_json_schema()
    schemas, required = whole["properties"], whole.get("required", ())
    texts = {
        "edits": {"type": "string", "examples": ["age:1.5,warmth:-1"], "description": schemas["edits"]["description"]}
    }
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _plain(texts.get(name, schemas[name]))}
        for name in schemas
    ]


def seeds_of(text: str, *, name: str) -> list[str]:
    """`ada,bob` as canonical seeds. Raises `BadOption` about `name`."""
    return [seeds.canonical(seed, name=name) for seed in text.split(",")]


def edits_of(text: str, *, name: str) -> dict[str, float]:
    """`age:1.5,warmth:-1` as a mapping. Raises `BadOption` about `name`."""
    try:
        return _EDITS.validate_python(_edits(text), strict=False)
    except (ValueError, ValidationError):
        raise BadOption(name=name, reason="must be edits such as age:1.5,warmth:-1") from None


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without the null that stands for an option that is left out."""
    given = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key not in ("anyOf", "title", "default")}
    return rest | given[0] if len(given) == 1 else schema
