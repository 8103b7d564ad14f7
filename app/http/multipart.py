"""Multipart bodies read as they come, so that a file of gigabytes is never held, neither in memory nor on disk."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from email.message import Message
from typing import Any

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from app.contract.errors import InvalidRequest, UnsupportedMediaType

LARGEST_HEADER_BYTES = 8192
MOST_PARTS = 64


@dataclass(frozen=True)
class PartBegins:
    """A part begins: its field, and a file name if it is a file."""

    field: str
    file: str | None


@dataclass(frozen=True)
class PartData:
    """Some bytes of the part that began last."""

    data: bytes


@dataclass(frozen=True)
class PartEnds:
    """The part that began last is complete."""


Piece = PartBegins | PartData | PartEnds


async def pieces(request: Request, *, accepted: str) -> AsyncGenerator[Piece, None]:
    """The body in pieces.

    Args:
        accepted: what is said to a client that sends something else.

    Raises:
        UnsupportedMediaType: the body is not multipart/form-data.
        InvalidRequest: it cannot be parsed, or ends before its end.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UnsupportedMediaType(accepted=accepted)
    collector = _Collector()
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        async for chunk in request.stream():
            parser.write(chunk)
            for piece in collector.take():
                yield piece
        parser.finalize()
    except MultipartParseError as error:
        raise InvalidRequest(reason=f"the multipart body cannot be parsed ({error})") from None
    if not collector.complete:
        raise InvalidRequest(reason="the multipart body ends before its end")


async def part(pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[bytes, None]:
    """The bytes of the part that began last, to its end."""
    async for piece in pieces:
        if isinstance(piece, PartEnds):
            return
        assert isinstance(piece, PartData)
        yield piece.data


class _Collector:
    """Turns the parser's callbacks into pieces."""

    def __init__(self) -> None:
        self.complete = False
        self._pieces: list[Piece] = []
        self._name = self._value = b""
        self._headers = Message()
        self._header_bytes = self._parts = 0

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._part_begins,
            "on_part_data": lambda data, start, end: self._pieces.append(PartData(bytes(data[start:end]))),
            "on_part_end": lambda: self._pieces.append(PartEnds()),
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_end": self._ends,
        }

    def take(self) -> list[Piece]:
        found, self._pieces = self._pieces, []
        return found

    def _ends(self) -> None:
        self.complete = True

    def _part_begins(self) -> None:
        self._headers, self._header_bytes = Message(), 0
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise InvalidRequest(reason=f"the multipart body has more than {MOST_PARTS} parts")

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._count(end - start)

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._count(end - start)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > LARGEST_HEADER_BYTES:
            raise InvalidRequest(reason="a header within the multipart body is too large")

    def _header_ends(self) -> None:
        # As the parser of options wants it, which turns names back into the bytes that were sent: UTF-8.
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name = self._value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", ""))
        field, file = options.get(b"name", b""), options.get(b"filename")
        self._pieces.append(
            PartBegins(field.decode("utf-8", "replace"), None if file is None else file.decode("utf-8", "replace"))
        )
