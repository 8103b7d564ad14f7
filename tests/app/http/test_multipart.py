import pytest
from starlette.requests import Request
from starlette.types import Message

from app.contract.errors import InvalidRequest
from app.http import multipart
from app.http.multipart import PartBegins, PartData, PartEnds, Piece

pytestmark = pytest.mark.anyio


async def read(body: bytes, *, boundary: str = "x", step: int = 7) -> list[Piece]:
    """The pieces of a body that comes `step` bytes at a time."""
    chunks = [body[start : start + step] for start in range(0, len(body), step)]

    async def receive() -> Message:
        return {"type": "http.request", "body": chunks.pop(0) if chunks else b"", "more_body": bool(chunks)}

    headers = [(b"content-type", f"multipart/form-data; boundary={boundary}".encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    return [piece async for piece in multipart.pieces(request, accepted="files")]


def body(disposition: bytes, content: bytes = b"abc") -> bytes:
    return b"--x\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n--x--\r\n"


@pytest.mark.parametrize("name", ["clothes.zip", "Schöne Kleider.zip", "写真.zip", "👗.zip", 'a\\"b.zip'])
async def test_file_names_are_utf_8(name: str) -> None:
    pieces = await read(body(b'name="file"; filename="' + name.encode() + b'"'))
    assert pieces[0] == PartBegins("file", name.replace('\\"', '"'))
    assert b"".join(piece.data for piece in pieces if isinstance(piece, PartData)) == b"abc"
    assert pieces[-1] == PartEnds()


@pytest.mark.parametrize(
    "disposition", [b'name="\xff\xfe"', b"name=\x80", b"", b"filename*=utf-8''a; name=b", b'name="a']
)
async def test_names_that_are_no_text_are_read_all_the_same(disposition: bytes) -> None:
    assert isinstance((await read(body(disposition)))[0], PartBegins)


async def test_a_body_that_ends_early_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="before its end"):
        await read(body(b'name="file"')[:-12])
