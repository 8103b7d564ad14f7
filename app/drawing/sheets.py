"""Sheets of faces by their address: seeds, or each seed with expressions, and the atlas that sprite engines read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app import seeds
from app.contract.errors import BadOption
from app.contract.messages import Drawing
from app.contract.registry import Version
from app.contract.schemas.generate import PictureFormat
from app.drawing import face_options, faces, marks, portrait, sheet_layout
from app.drawing.face_cache import Picture, picture
from app.drawing.face_options import SheetOptions
from app.drawing.faces import Faces, Made
from app.drawing.portrait import Raster

MOST_FACES = 64
MOST_PIXELS = 16_000_000
NEUTRAL = "neutral"
ALL_STEPS = 2.0  # how far `all` goes along each direction, both ways


@dataclass(frozen=True)
class Sheet:
    """What stands on a sheet, and where."""

    drawings: tuple[Drawing, ...]
    names: tuple[str, ...]
    """A name for each picture: its seed, and its expression where there is one."""
    layout: sheet_layout.Layout

    def atlas(self, image: str) -> dict[str, Any]:
        """Where each picture stands, as engines such as Phaser and PixiJS read it (TexturePacker's hash)."""
        side = self.layout.side
        frames = {}
        for number, name in enumerate(self.names):
            x, y = self.layout.place(number)
            frames[name] = {"frame": {"x": x, "y": y, "w": side, "h": side}}
        size = {"w": self.layout.width, "h": self.layout.height}
        return {"frames": frames, "meta": {"app": marks.SOFTWARE, "image": image, "size": size, "scale": "1"}}


class Sheets:
    """Draws sheets."""

    def __init__(self, drawer: Faces) -> None:
        self._faces = drawer

    async def draw(
        self, version: Version, planned: Sheet, options: SheetOptions, *, format: PictureFormat, deadline: float
    ) -> Made:
        """The sheet as one picture. Raises `LikenessError` when it cannot be had."""
        layout, frame = planned.layout, options.portrait
        background = frame.background or "ffffff"
        told = marks.metadata(version, planned.drawings[0], frame)

        def finish(drawn: list[Raster]) -> Picture:
            framed = [portrait.frame(raster, frame, size=layout.side, opaque=True) for raster in drawn]
            data = portrait.encode(
                sheet_layout.compose(framed, layout, background=background), format=format, metadata=told
            )
            return picture(data, width=layout.width, height=layout.height, native_size=version.size)

        shape = ["sheet", format, layout.columns, layout.side, layout.gap, repr(frame)]
        return await self._faces.assemble(version, planned.drawings, shape=shape, deadline=deadline, finish=finish)


def plan(version: Version, options: SheetOptions) -> Sheet:
    """The sheet that an address asks for.

    Raises:
        LikenessError: an option is not valid for this generator, or the sheet would be too large.
    """
    shown = face_options.seeds_of(options.seeds, name="seeds")
    expressions = _expressions(version, options.expressions)
    if len(shown) * len(expressions) > MOST_FACES:
        raise BadOption(name="seeds", reason=f"and expressions make more than {MOST_FACES} pictures")
    drawings, names = [], []
    for seed in shown:
        for name, edits in expressions:
            drawings += faces.plan(
                version,
                [seed],
                truncation=options.truncation,
                label=options.label,
                edits={**options.edits, **edits},
                mix=None if options.mix is None else seeds.canonical(options.mix, name="mix"),
            )
            names.append(f"{seed}/{name}" if options.expressions is not None else seed)
    if len(set(names)) != len(names):
        raise BadOption(name="seeds", reason="or expressions hold one twice")
    columns = options.columns or (len(expressions) if len(expressions) > 1 else math.ceil(math.sqrt(len(names))))
    layout = sheet_layout.Layout(
        count=len(names), columns=min(columns, len(names)), side=options.size or version.size, gap=options.gap
    )
    if layout.width * layout.height > MOST_PIXELS:
        raise BadOption(name="size", reason=f"makes a sheet of more than {MOST_PIXELS} pixels; ask for a smaller one")
    return Sheet(tuple(drawings), tuple(names), layout)


def _expressions(version: Version, text: str | None) -> Sequence[tuple[str, dict[str, float]]]:
    """Names and edits of each picture of a seed."""
    if text is None:
        return [(NEUTRAL, {})]
    if text == "all":
        both = [(name, sign) for name in version.directions for sign in (1, -1)]
        return [(NEUTRAL, {}), *((f"{name}:{sign * ALL_STEPS:g}", {name: sign * ALL_STEPS}) for name, sign in both)]
    return [
        (part, {} if part == NEUTRAL else face_options.edits_of(part, name="expressions")) for part in text.split(";")
    ]
