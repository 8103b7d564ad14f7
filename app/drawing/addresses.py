"""Answers the address of a face, in whichever of its shapes it came: our own, Gravatar's, or DiceBear's."""

import asyncio

from fastapi import Request, Response

from app import seeds
from app.access.usage import Usage
from app.access.viewing import Viewer
from app.contract.errors import Busy
from app.contract.registry import Version
from app.contract.schemas.generate import CONTENT_TYPES, PictureFormat
from app.drawing import faces, identicon, portrait
from app.drawing.face_options import FaceOptions
from app.drawing.faces import Faces, Made
from app.http import conditional
from app.interactive import catalog
from app.interactive.catalog import Catalog
from app.interactive.codec import Codec
from app.interactive.inference import Inference

PINNED_SECONDS = 31_536_000
UNPINNED_SECONDS = 300

FALLBACK_SECONDS = 2.0  # a page that has a stand-in for the face does not wait longer than this for it
FALLBACK_SIZE = 80


class Addresses:
    """Answers with the picture that an address stands for, and says how long it may be kept."""

    def __init__(self, *, models: Catalog, drawer: Faces, inference: Inference, codec: Codec, usage: Usage) -> None:
        self._models, self._faces, self._inference, self._codec = models, drawer, inference, codec
        self._usage = usage

    async def answer(
        self,
        request: Request,
        viewer: Viewer,
        seed: str,
        format: PictureFormat,
        options: FaceOptions,
        *,
        tag_suffix: str = "",
    ) -> Response:
        """The picture of `seed`; 304 when the client has it; its stand-in where one is wanted and no worker can draw.

        What is made of the picture before it is sent has other bytes, and wants a tag of its own: a `tag_suffix`.

        Raises:
            LikenessError: an option is not valid, or the picture cannot be had and no stand-in is wanted.
        """
        seed = seeds.canonical(seed)
        version = self._models.resolve(options.model, kind="generator", size=options.size)
        drawings = faces.plan(
            version,
            [seed],
            truncation=options.truncation,
            label=options.label,
            edits=options.edits,
            mix=None if options.mix is None else seeds.canonical(options.mix, name="mix"),
        )
        deadline = self._inference.deadline()
        if options.fallback != "none":
            deadline = min(deadline, asyncio.get_running_loop().time() + FALLBACK_SECONDS)
        try:
            made = await self._faces.draw(
                version,
                drawings,
                format=format,
                size=options.size,
                deadline=deadline,
                frame=options.portrait,
                signed=options.credentials,
            )
        except Busy as busy:
            if options.fallback == "none":
                raise
            return await self.stand_in(viewer, options.fallback, seed, format, options, retry_after=busy.retry_after)
        return self.respond(
            request,
            viewer,
            made[0],
            media_type=CONTENT_TYPES[format],
            version=version,
            pinned=catalog.is_pinned(options.model),
            seed=seed,
            tag_suffix=tag_suffix,
        )

    def respond(
        self,
        request: Request,
        viewer: Viewer,
        made: Made,
        *,
        media_type: str,
        version: Version,
        pinned: bool,
        seed: str | None = None,
        tag_suffix: str = "",
    ) -> Response:
        """The answer with a picture that is there, or 304 when the client has it.

        Args:
            request: asks for it.
            viewer: on whose account it is.
            made: the file, and what it cost.
            media_type: its type.
            version: what drew it.
            pinned: whether the address named that version, so that the answer holds for ever.
            seed: whose picture it is, if it is of one.
            tag_suffix: ends the entity tag of what will be sent in place of the file.
        """
        if viewer.grant is not None:
            self._usage.count(viewer.grant.key, drawn=made.drawn)
        picture = made.picture
        tag = picture.sha256 + tag_suffix
        headers = {
            "ETag": f'"{tag}"',
            "Cache-Control": kept(viewer, pinned=pinned),
            "X-Likeness-Model": version.ref,
            "X-Likeness-SHA256": picture.sha256,
        }
        if seed is not None:
            headers["X-Likeness-Seed"] = seeds.header(seed)
        if conditional.matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(picture.data, media_type=media_type, headers=headers)

    async def stand_in(
        self,
        viewer: Viewer,
        kind: identicon.Kind,
        seed: str,
        format: PictureFormat,
        options: FaceOptions,
        *,
        retry_after: int = 0,
    ) -> Response:
        """The picture that needs no network; with `retry_after` it stands in for a face that may come soon."""
        size = options.size or FALLBACK_SIZE

        def draw() -> bytes:
            drawn = identicon.draw(kind, seed, size=size)
            if kind != "blank":
                drawn = portrait.frame(drawn, options.portrait, opaque=format == "jpeg")
            elif format == "jpeg":  # which cannot be transparent
                drawn = portrait.Raster(b"\xff" * (3 * size * size), size, size, 3)
            return portrait.encode(drawn, format=format, metadata={})

        data = await self._codec.run(draw)
        headers = {
            "X-Likeness-Fallback": kind,
            "Cache-Control": "no-store" if retry_after else kept(viewer, pinned=False),
        }
        if retry_after:
            headers["Retry-After"] = str(retry_after)
        return Response(data, media_type=CONTENT_TYPES[format], headers=headers)


def kept(viewer: Viewer, *, pinned: bool) -> str:
    """`Cache-Control`: for ever where the address names a version, else for minutes."""
    return viewer.kept(PINNED_SECONDS if pinned else UNPINNED_SECONDS, immutable=pinned)
