"""The body of a checkpoint's import: one file, kept on disk while it is looked at, and the fields beside it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import IO

from starlette.requests import Request

from app.contract.errors import InvalidRequest
from app.errors import InvalidFields
from app.http import multipart

ACCEPTED = "multipart/form-data with a safetensors file in the field `file`, and a field `name`"
LARGEST_CARD_BYTES = 200_000


@dataclass(frozen=True)
class Fields:
    """What stands beside the file."""

    name: str
    card: str


async def receive(request: Request, target: IO[bytes]) -> Fields:
    """Read the body; the file's bytes go to `target`.

    Raises:
        UnsupportedMediaType, InvalidRequest: the body is of another type, or a field is missing or not valid.
    """
    texts: dict[str, str] = {}
    files = 0
    pieces = multipart.pieces(request, accepted=ACCEPTED)
    async for piece in pieces:
        match piece:
            case multipart.PartBegins(field="file", file=str()):
                files += 1
                async for data in multipart.part(pieces):
                    target.write(data)
            case multipart.PartBegins(field=("name" | "card") as field, file=None):
                texts[field] = await _text(pieces, field)
            case multipart.PartBegins(field=field):
                raise InvalidFields([{"loc": ("body", field), "msg": "is no field of an import"}])
            case _:
                raise AssertionError("a part's pieces are read by whoever saw it begin")
    for field, there in (("file", files == 1), ("name", "name" in texts)):
        if not there:
            raise InvalidFields([{"loc": ("body", field), "msg": "is needed once"}])
    target.flush()
    return Fields(name=texts["name"], card=texts.get("card", ""))


async def _text(pieces: AsyncGenerator[multipart.Piece, None], field: str) -> str:
    found = b""
    async for data in multipart.part(pieces):
        found += data
        if len(found) > LARGEST_CARD_BYTES:
            raise InvalidFields([{"loc": ("body", field), "msg": "is too long"}])
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(reason=f"{field} is not UTF-8") from None
