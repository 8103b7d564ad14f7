"""The body of a data set's upload: files straight into the object store, and the fields beside them."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from starlette.requests import Request

from app import seeds
from app.contract import datasets
from app.contract.errors import InvalidRequest
from app.contract.store import Store
from app.errors import InvalidFields
from app.http import multipart

ACCEPTED = "multipart/form-data with a zip or tar file, or IDX files, in the field `file`, and a field `name`"
LONGEST_NAME = 120
LARGEST_FIELD_BYTES = 100_000
MOST_FILES = 8
MOST_CLASSES = 1000
_PIECES_AHEAD = 8


@dataclass(frozen=True)
class Received:
    """What came: the files are in the store already."""

    name: str
    class_names: tuple[str, ...]
    uploads: tuple[datasets.Upload, ...]

    def identity(self) -> bytes:
        """Bytes that are equal for equal uploads."""
        told = [self.name, self.class_names, [upload.sha256 for upload in self.uploads]]
        return json.dumps(told).encode()


async def receive(request: Request, store: Store, dataset_id: str) -> Received:
    """Read the body and keep its files as the data set's uploads. Nothing is kept when it fails.

    Raises:
        UnsupportedMediaType, InvalidRequest: the body is of another type, or a field is not valid.
    """
    fields: dict[str, str] = {}
    uploads: list[datasets.Upload] = []
    try:
        async with contextlib.aclosing(multipart.pieces(request, accepted=ACCEPTED)) as pieces:
            async for piece in pieces:
                match piece:
                    case multipart.PartBegins(field="file", file=str(file)):
                        if len(uploads) == MOST_FILES:
                            raise InvalidRequest(reason=f"a data set comes in at most {MOST_FILES} files")
                        path = datasets.upload_path(dataset_id, len(uploads))
                        uploads.append(await _keep(pieces, store, path, name=file))
                    case multipart.PartBegins(field=("name" | "classes") as field, file=None):
                        fields[field] = await _text(pieces, field)
                    case multipart.PartBegins(field=field):
                        raise InvalidFields([{"loc": ("body", field), "msg": "is no field of a data set"}])
                    case _:
                        raise AssertionError("a part's pieces are read by whoever saw it begin")
        if not uploads:
            raise InvalidFields([{"loc": ("body", "file"), "msg": "is missing"}])
        return Received(_name(fields, uploads), _classes(fields), tuple(uploads))
    except BaseException:
        await asyncio.shield(asyncio.to_thread(discard, store, dataset_id))
        raise


def discard(store: Store, dataset_id: str) -> None:
    """Remove every object of a data set."""
    store.delete(*store.list(f"datasets/{dataset_id}"))


async def _keep(
    pieces: AsyncGenerator[multipart.Piece, None], store: Store, path: str, *, name: str
) -> datasets.Upload:
    """Send one file to the store while it comes in, at most a few pieces ahead of it."""
    waiting: asyncio.Queue[bytes | None] = asyncio.Queue(_PIECES_AHEAD)
    put = asyncio.create_task(store.put_stream(path, _drained(waiting)))
    hashed, size = hashlib.sha256(), 0
    try:
        async for data in multipart.part(pieces):
            hashed.update(data)
            size += len(data)
            await _feed(waiting, data, put)
        await _feed(waiting, None, put)
        await put
    finally:
        put.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await put
    return datasets.Upload(name=name[:200], size_bytes=size, sha256=hashed.hexdigest())


async def _feed(waiting: asyncio.Queue[bytes | None], data: bytes | None, put: asyncio.Task[None]) -> None:
    """Hand a piece over. Raises what the store raises when it takes no more."""
    if not waiting.full() and not put.done():
        waiting.put_nowait(data)
        return
    handing = asyncio.ensure_future(waiting.put(data))
    await asyncio.wait({handing, put}, return_when=asyncio.FIRST_COMPLETED)
    if put.done():
        handing.cancel()
        put.result()


async def _drained(waiting: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (data := await waiting.get()) is not None:
        yield data


async def _text(pieces: AsyncGenerator[multipart.Piece, None], field: str) -> str:
    found = b""
    async for data in multipart.part(pieces):
        found += data
        if len(found) > LARGEST_FIELD_BYTES:
            raise InvalidFields([{"loc": ("body", field), "msg": "is too long"}])
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise InvalidFields([{"loc": ("body", field), "msg": "is not UTF-8"}]) from None


def _name(fields: dict[str, str], uploads: list[datasets.Upload]) -> str:
    name = (fields.get("name") or uploads[0].name.rsplit("/", 1)[-1].split(".")[0] or "data set").strip()
    if not name.isprintable() or not 1 <= len(name) <= LONGEST_NAME:
        reason = f"has between 1 and {LONGEST_NAME} printable characters"
        raise InvalidFields([{"loc": ("body", "name"), "msg": reason}])
    return name


def _classes(fields: dict[str, str]) -> tuple[str, ...]:
    """Names of the labels 0, 1, 2 ... of IDX files, separated by commas."""
    names = tuple(name.strip() for name in fields.get("classes", "").split(",") if name.strip())
    if len(names) > MOST_CLASSES or len(set(names)) < len(names):
        raise InvalidFields([{"loc": ("body", "classes"), "msg": f"holds at most {MOST_CLASSES} different names"}])
    if any(name.startswith((".", "__MACOSX")) for name in names):
        # Such folders are skipped wherever pictures are read.
        reason = "holds a name that begins with a dot or with __MACOSX, as the leftovers of file managers do"
        raise InvalidFields([{"loc": ("body", "classes"), "msg": reason}])
    if not all(map(seeds.is_text, names)):
        raise InvalidFields([{"loc": ("body", "classes"), "msg": "contains the character NUL"}])
    return names
