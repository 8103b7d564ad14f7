"""The object store: bytes under paths, in a directory by default, in a bucket by URL.

Paths:
    checkpoints/{digest}.safetensors   a served checkpoint
    checkpoints/{digest}.onnx          the same network for ONNX Runtime
    jobs/{id}/input/{n}                pictures of a durable request
    jobs/{id}/output/{name}            what a durable job made
    runs/{id}/..., datasets/{id}/...   see `training` and `datasets`
    trial                              there for a moment, to see whether anything can be written
"""

import asyncio
import contextlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import from_url

StorePath = str

CLIENT_OPTIONS = frozenset(
    {"allow_http", "allow_invalid_certificates", "connect_timeout", "http1_only", "http2_only", "proxy_url", "timeout"}
)
"""Options that are not the bucket's but those of the HTTP client that talks to it."""

RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=15)}
"""A bucket that is away is told soon. The client's own three minutes would hold up every request and every lease."""

TRIAL, TRIAL_BYTES = "trial", 1 << 16
SETTLED_AT_ONCE = 8

_PARTIAL = re.compile(r"#\d+$")
"""What the name of a file ends in until it is whole."""


@dataclass(frozen=True)
class Listed:
    """An object as a listing tells of it."""

    path: StorePath
    size_bytes: int
    at: datetime


class Store:
    """Objects at `url`. A missing object raises `FileNotFoundError`, as a missing file does."""

    def __init__(self, url: str, options: dict[str, str] | None = None) -> None:
        self.url = url
        self._folder = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._store = from_url(url, **_arguments(url, options or {}))

    def put(self, path: StorePath, data: bytes | memoryview | Path | Iterable[bytes], *, lasting: bool = False) -> None:
        """Write an object whole: nobody ever reads half of it. A `lasting` one has outlived any power cut once this
        returns, which takes some milliseconds more in a directory: for what somebody has been, or will be, promised."""
        obstore.put(self._store, path, data)
        if lasting:
            self.settle(path)

    async def put_stream(self, path: StorePath, chunks: AsyncIterator[bytes]) -> None:
        """Write a lasting object whole from pieces as they come. When `chunks` raises, nothing is written."""
        await obstore.put_async(self._store, path, chunks)
        await asyncio.to_thread(self.settle, path)

    def get(self, path: StorePath) -> bytes:
        """The object's bytes."""
        return bytes(obstore.get(self._store, path).bytes())

    def stream(self, path: StorePath, *, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """The object's bytes in pieces of at least `chunk_bytes`, the last one excepted."""
        for chunk in obstore.get(self._store, path).stream(min_chunk_size=chunk_bytes):
            yield bytes(chunk)

    def download(self, path: StorePath, target: Path) -> None:
        """Copy an object to a file, which appears whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in self.stream(path):
                    file.write(chunk)
            os.replace(partial, target)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise

    def size(self, path: StorePath) -> int:
        """The object's size in bytes."""
        return int(obstore.head(self._store, path)["size"])

    def exists(self, path: StorePath) -> bool:
        """Whether there is such an object."""
        try:
            obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        return True

    def list(self, prefix: StorePath) -> list[StorePath]:
        """Paths of all objects below `prefix`, sorted."""
        return sorted(meta["path"] for page in obstore.list(self._store, prefix) for meta in page)

    def pages(self, prefix: StorePath) -> Iterator[Sequence[Listed]]:
        """All objects below `prefix` with their sizes and times, some hundreds at a time."""
        for page in obstore.list(self._store, prefix, chunk_size=500):
            yield [Listed(meta["path"], meta["size"], meta["last_modified"]) for meta in page]

    def partial_files(self) -> Sequence[Path]:
        """Files of a directory that are being written, or that a process which was killed was writing."""
        if self._folder is None:
            return []  # a bucket has a rule of its own for uploads that were never completed
        return [path for path in self._folder.rglob("*#*") if _PARTIAL.search(path.name)]

    def delete(self, *paths: StorePath) -> None:
        """Remove objects; those that are not there are no error."""
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, path)

    def ping(self) -> None:
        """Raise unless the store answers."""
        self.exists("checkpoints/ping")

    def try_out(self) -> None:
        """Raise unless the store takes what is written to it, which a full one does not while it still answers."""
        obstore.put(self._store, TRIAL, bytes(TRIAL_BYTES))
        self.delete(TRIAL)

    def settle(self, *paths: StorePath) -> None:
        """Make objects lasting that were put before: bring a directory's files and their names to the disk. A bucket
        has done so when it answers. Many at once take hardly longer than one, which the disk writes together."""
        if self._folder is None or not paths:
            return
        files = [self._folder / path for path in paths]
        with ThreadPoolExecutor(min(len(files), SETTLED_AT_ONCE)) as threads:
            list(threads.map(_to_disk, files))
        for folder in {file.parent for file in files}:
            _to_disk(folder)  # what stands above it in the same journal is there before it


def _to_disk(entry: Path) -> None:
    # Whoever deletes the object meanwhile has no use for it on the disk either.
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(entry, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _arguments(url: str, options: dict[str, str]) -> dict[str, Any]:
    """What the client is made of beside `url`, and beside what it finds in the environment."""
    if url.startswith("file:"):
        return {}
    client = {name: value for name, value in options.items() if name in CLIENT_OPTIONS}
    bucket = {name: value for name, value in options.items() if name not in CLIENT_OPTIONS}
    arguments: dict[str, Any] = {**bucket, "retry_config": RETRIES}
    if client:  # options of the client that are given, even none at all, end those of the environment: AWS_ALLOW_HTTP
        arguments["client_options"] = client
    return arguments


def checkpoint_path(digest: str) -> StorePath:
    """Where the served checkpoint `digest` (hex SHA-256) lies."""
    return f"checkpoints/{digest}.safetensors"


def onnx_path(digest: str) -> StorePath:
    """Where the ONNX export of checkpoint `digest` lies."""
    return f"checkpoints/{digest}.onnx"
