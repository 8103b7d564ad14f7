import io
from datetime import UTC, datetime
from typing import get_args
from xml.etree import ElementTree

import pytest
from PIL import Image, TiffImagePlugin, TiffTags

from app.contract.messages import Drawing
from app.contract.registry import Version
from app.drawing import marks
from app.drawing.portrait import Portrait
from models import images

VERSION = Version(
    model="faces",
    digest="ab" * 32,
    kind="generator",
    header={"input": {"size": 8, "channels": 3}, "labels": [], "extras": {}},
    card="",
    source="bundled",
    size_bytes=1,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
DRAWING = Drawing(seed='Ada & "Bob"\x01 <ü> 雪', truncation=0.7, edits=(("smile", 1.5),), mix="eve")
PORTRAIT = Portrait(radius=50, background="00ff00")


def encoded(format: images.Format, metadata: dict[str, str]) -> bytes:
    return images.encode(bytes(8 * 8 * 3), width=8, height=8, channels=3, format=format, metadata=metadata)


@pytest.mark.parametrize("format", get_args(images.Format))
def test_every_format_tells_how_to_draw_it_again(format: images.Format) -> None:
    data = encoded(format, marks.metadata(VERSION, DRAWING, PORTRAIT))

    assert marks.read(data) == marks.Parameters(model=VERSION.ref, drawing=DRAWING, portrait=PORTRAIT)


@pytest.mark.parametrize("format", get_args(images.Format))
def test_the_short_texts_alone_suffice(format: images.Format) -> None:
    texts = marks.metadata(VERSION, DRAWING)
    del texts[images.XMP]

    assert marks.read(encoded(format, texts)) == marks.Parameters(model=VERSION.ref, drawing=DRAWING)


@pytest.mark.parametrize("format", get_args(images.Format))
def test_other_programs_find_the_source_type(format: images.Format) -> None:
    data = encoded(format, marks.metadata(VERSION, DRAWING))

    packet = Image.open(io.BytesIO(data)).info["xmp"]
    description = next(ElementTree.fromstring(packet).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"))
    source = description.attrib["{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"]
    assert source.endswith("/trainedAlgorithmicMedia")


def test_the_marks_cost_about_a_kilobyte() -> None:
    plain, marked = encoded("webp", {}), encoded("webp", marks.metadata(VERSION, Drawing(seed="ada")))

    assert len(marked) - len(plain) < 1100


def number_for_packet() -> bytes:
    """A TIFF whose XMP packet is a number."""
    entries = TiffImagePlugin.ImageFileDirectory_v2()
    entries.tagtype[0x02BC] = TiffTags.SHORT
    entries[0x02BC] = 5
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "TIFF", tiffinfo=entries)
    return out.getvalue()


def short_exif() -> bytes:
    """A PNG whose EXIF block ends after its header."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG", exif=b"II*\0\x08\0")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a picture",
        encoded("png", {}),
        encoded("png", {"Likeness": "{}"}),
        encoded("png", {"Likeness": '{"model": "faces", "drawing": {"seed": 7}}'}),
        encoded("webp", {images.XMP: "<x likeness:Parameters='[1]'/>"}),
        number_for_packet(),
        short_exif(),
    ],
)
def test_files_that_say_nothing_of_ours_are_read_as_nothing(data: bytes) -> None:
    assert marks.read(data) is None
