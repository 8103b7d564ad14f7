"""Frames to one moving picture: WebP and GIF with Pillow, MP4 with PyAV (the extra `video`).

The same frames give the same bytes. On 48 faces of 256 pixels WebP takes about 0.1 s of CPU, GIF 0.2 s and MP4 0.1 s.
"""

import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from app.contract.errors import NotInstalled
from app.contract.schemas.animate import MotionFormat
from app.drawing.portrait import Raster
from models import images

CONTENT_TYPES: dict[MotionFormat, str] = {"webp": "image/webp", "gif": "image/gif", "mp4": "video/mp4"}

_PALETTE_COLOURS = 256
_PALETTE_SIDE = 64  # pixels a side at which frames are laid out to find the colours of all of them
_PALETTE_FRAMES = 64
_MP4_QUALITY = 20  # x264's constant rate factor


def encode(
    frames: Sequence[Raster], *, format: MotionFormat, fps: int, loop: bool, metadata: Mapping[str, str] | None = None
) -> bytes:
    """One file of all frames, which have one size and no opacity.

    Args:
        frames: uint8 pictures of one or three channels.
        format: webp, gif or mp4.
        fps: frames a second. GIF counts in hundredths of a second, so there it is the nearest that can be said.
        loop: play for ever, or once. A video has no such mark: its player decides.
        metadata: as for `models.images.encode`; a WebP carries the XMP packet, a GIF and an MP4 the description.

    Raises:
        NotInstalled: an MP4 is wanted and PyAV is missing.
    """
    pictures = [_picture(frame) for frame in frames]
    told = metadata or {}
    match format:
        case "webp":
            return _webp(pictures, fps=fps, loop=loop, packet=told.get(images.XMP, ""))
        case "gif":
            return _gif(pictures, fps=fps, loop=loop, comment=told.get("Description", ""))
        case "mp4":
            return _mp4(pictures, fps=fps, comment=told.get("Description", ""))


def _picture(frame: Raster) -> Image.Image:
    return Image.frombytes("L" if frame.channels == 1 else "RGB", (frame.width, frame.height), frame.pixels)


def _webp(pictures: Sequence[Image.Image], *, fps: int, loop: bool, packet: str) -> bytes:
    out = io.BytesIO()
    pictures[0].save(
        out,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=_durations(len(pictures), fps=fps, unit_ms=1),
        loop=0 if loop else 1,
        quality=80,
        method=0,
        xmp=packet.encode(),
    )
    return out.getvalue()


def _gif(pictures: Sequence[Image.Image], *, fps: int, loop: bool, comment: str) -> bytes:
    # A palette for each frame takes fifty times as long to find, and flickers.
    palette = _palette(pictures)
    indexed = [picture.convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    out = io.BytesIO()
    repeat: dict[str, Any] = {"loop": 0} if loop else {}
    indexed[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=indexed[1:],
        duration=_durations(len(pictures), fps=fps, unit_ms=10),
        comment=comment.encode(),
        optimize=False,
        **repeat,
    )
    return out.getvalue()


def _palette(pictures: Sequence[Image.Image]) -> Image.Image:
    """The colours of up to `_PALETTE_FRAMES` frames together."""
    step = -(-len(pictures) // _PALETTE_FRAMES)
    chosen = pictures[::step]
    columns = min(8, len(chosen))
    wall = Image.new("RGB", (columns * _PALETTE_SIDE, -(-len(chosen) // columns) * _PALETTE_SIDE))
    for number, picture in enumerate(chosen):
        place = (number % columns * _PALETTE_SIDE, number // columns * _PALETTE_SIDE)
        wall.paste(picture.resize((_PALETTE_SIDE, _PALETTE_SIDE)), place)
    return wall.quantize(_PALETTE_COLOURS, method=Image.Quantize.MEDIANCUT)


def _mp4(pictures: Sequence[Image.Image], *, fps: int, comment: str) -> bytes:
    try:
        import av
    except ImportError as error:
        raise NotInstalled(feature="MP4", extra="video") from error
    # H.264 with shared colour samples, which is what every player takes, needs even sides.
    width, height = (side + side % 2 for side in pictures[0].size)
    with tempfile.TemporaryDirectory(prefix="likeness-") as folder:
        path = Path(folder) / "walk.mp4"
        # The index goes to the front, so that a player starts before it has the whole file.
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            container.metadata["comment"] = comment
            options = {"crf": str(_MP4_QUALITY), "preset": "veryfast", "threads": "1"}
            stream = container.add_stream("libx264", rate=fps, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for picture in pictures:
                frame = av.VideoFrame.from_image(picture.convert("RGB").resize((width, height)))  # type: ignore[no-untyped-call]
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path.read_bytes()


def _durations(count: int, *, fps: int, unit_ms: int) -> list[int]:
    """Milliseconds of each frame, in whole units, that together last as long as they should."""
    ends = [round((number + 1) * 1000 / fps / unit_ms) for number in range(count)]
    return [(end - start) * unit_ms for start, end in zip([0, *ends], ends, strict=False)]
