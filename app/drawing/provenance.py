"""Whether this service made a picture: what the file says is drawn again and compared, pixel by pixel."""

import contextlib
import io
from dataclasses import asdict

import pydantic
from PIL import Image, ImageChops, ImageStat

from app import seeds
from app.contract.errors import LikenessError, NotAPicture, NotInstalled, TooManyPixels, UndecodablePicture
from app.contract.messages import Drawing
from app.contract.registry import Version
from app.contract.schemas.generate import LARGEST_SIZE, SMALLEST_SIZE, PictureFormat
from app.contract.schemas.provenance import CredentialsView, ProvenanceResponse, Verdict
from app.drawing import faces, marks, pinned, portrait
from app.drawing.credentials import CONTENT_TYPES, Credentials
from app.drawing.face_options import FaceOptions
from app.drawing.faces import Faces
from app.interactive.catalog import Catalog
from app.interactive.codec import Codec
from app.interactive.inference import Inference
from models import images

RESAVED_DIFFERENCE = 0.03
"""Below this mean difference two pictures are one, encoded or scaled again: of 300 photographs of faces at 128 pixels,
all stayed under it as JPEG of quality 30, and no two were nearer to each other than 0.09."""


_FORMATS: dict[str, PictureFormat] = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp", "AVIF": "avif"}


class Provenance:
    """Looks into files, and draws again what they say they show."""

    def __init__(
        self,
        *,
        models: Catalog,
        drawer: Faces,
        inference: Inference,
        codec: Codec,
        credentials: Credentials,
        max_pixels: int,
    ) -> None:
        self._models, self._faces, self._inference, self._codec = models, drawer, inference, codec
        self._credentials, self._max_pixels = credentials, max_pixels

    async def of(self, data: bytes) -> ProvenanceResponse:
        """What is known of the picture file `data`.

        Raises:
            NotAPicture, UndecodablePicture, TooManyPixels: it cannot be looked at.
            LikenessError: the picture could not be drawn again just now.
        """
        shown = await self._codec.run(lambda: _look(data, max_pixels=self._max_pixels))
        credentials = await self._codec.run(lambda: self._signed(data, shown))
        told = await self._codec.run(lambda: marks.read(data))
        signed = credentials is not None and credentials.ours
        if told is None:
            return ProvenanceResponse(
                made_here=True if signed else None, verdict="signed" if signed else "unknown", credentials=credentials
            )
        claim: tuple[Version, Drawing, FaceOptions] | None = None
        with contextlib.suppress(LikenessError, pydantic.ValidationError):
            claim = self._check(told, size=max(shown.size))
        if claim is None:
            verdict: Verdict = "signed" if signed else "claimed"
            made_here = True if signed else None
            return ProvenanceResponse(
                made_here=made_here,
                verdict=verdict,
                seed=told.drawing.seed,
                model=told.model,
                credentials=credentials,
            )
        version, drawing, options = claim
        made = await self._faces.draw(
            version,
            [drawing],
            # Its own format, so that a file of ours has its very pixels, lost ones and all.
            format=_FORMATS.get(shown.info["format"], "png"),
            size=options.size,
            deadline=self._inference.deadline(),
            frame=options.portrait,
        )
        again = made[0].picture.data
        difference = await self._codec.run(lambda: _difference(shown, _look(again, max_pixels=self._max_pixels)))
        if difference == 0:
            verdict = "genuine"
        else:
            verdict = "resaved" if difference < RESAVED_DIFFERENCE else "altered"
        return ProvenanceResponse(
            made_here=verdict != "altered",
            verdict=verdict,
            seed=drawing.seed,
            model=version.ref,
            address=_address(version, drawing, options),
            difference=round(difference, 6),
            credentials=credentials,
        )

    def _signed(self, data: bytes, shown: Image.Image) -> CredentialsView | None:
        content_type = Image.MIME.get(shown.info["format"], "")
        if content_type not in CONTENT_TYPES:
            return None
        try:
            statement = self._credentials.read(data, content_type=content_type)
        except NotInstalled:
            return None
        return None if statement is None else CredentialsView.model_validate(asdict(statement))

    def _check(self, told: marks.Parameters, *, size: int) -> tuple[Version, Drawing, FaceOptions]:
        """What to draw to see whether the file speaks the truth.

        Raises:
            LikenessError, pydantic.ValidationError: no version here can draw such a picture.
        """
        version = self._models.resolve(told.model, kind="generator")
        wanted = told.drawing
        options = FaceOptions(
            size=size if SMALLEST_SIZE <= size <= LARGEST_SIZE else None,
            truncation=wanted.truncation,
            model=told.model,
            label=None if wanted.label is None else _label(version, wanted.label),
            edits=dict(wanted.edits),
            mix=wanted.mix,
            **asdict(told.portrait),
        )
        drawing = faces.plan(
            version,
            [seeds.canonical(wanted.seed)],
            truncation=options.truncation,
            label=options.label,
            edits=options.edits,
            mix=options.mix,
        )[0]
        return version, drawing, options


def _look(data: bytes, *, max_pixels: int) -> Image.Image:
    """The picture on white, RGB, with its format in `info`. Raises what an upload raises."""
    try:
        images.dimensions(data, max_pixels=max_pixels)
        with Image.open(io.BytesIO(data), formats=images.READABLE) as image:
            kind = image.format
            shown = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
    except images.NotAPicture:
        raise NotAPicture(position=0) from None
    except images.TooManyPixels:
        raise TooManyPixels(position=0, limit=max_pixels) from None
    except images.DAMAGE:
        raise UndecodablePicture(position=0) from None
    shown.info["format"] = kind
    return shown


def _difference(shown: Image.Image, drawn: Image.Image) -> float:
    """Mean difference of two pictures over all pixels and colours, 0 to 1; 1 when their shapes differ."""
    if shown.size != drawn.size:
        if abs(shown.width / shown.height - drawn.width / drawn.height) > 0.02:
            return 1.0
        drawn = drawn.resize(shown.size, Image.Resampling.LANCZOS)
    means = ImageStat.Stat(ImageChops.difference(shown, drawn)).mean
    return sum(means) / len(means) / 255


def _label(version: Version, index: int) -> str:
    if not 0 <= index < len(version.labels):
        raise LikenessError()
    return version.labels[index]


def _address(version: Version, drawing: Drawing, options: FaceOptions) -> str:
    """The pinned address of the drawn picture."""
    frame = {name: value for name, value in asdict(options.portrait).items() if value != getattr(portrait.PLAIN, name)}
    return pinned.face(
        version,
        drawing.seed,
        "png",
        size=options.size,
        truncation=drawing.truncation,
        label=options.label,
        edits=dict(drawing.edits),
        mix=drawing.mix,
        **frame,
    )
