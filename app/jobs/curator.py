"""Changes of the registry that people ask for: promotion and roll-back, import, export, removal."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import redis.asyncio
import redis.exceptions

from app.access.caller import Caller
from app.contract import registry, training, trial
from app.contract.database import Database, now
from app.contract.errors import BadCheckpoint, Forbidden, NothingYet, UnknownModel
from app.contract.messages import REGISTRY_CHANNEL
from app.contract.registry import Model, Version
from app.contract.store import Store, checkpoint_path, onnx_path
from app.interactive.catalog import Catalog
from app.interactive.inference import Inference, Subject

IMPORTED = "imported"
_LARGEST_SIDE = 2048
_MOST_LABELS = 10_000


class Curator:
    """Changes models on behalf of callers: owners their own, administrators all."""

    def __init__(
        self,
        database: Database,
        store: Store,
        catalog: Catalog,
        inference: Inference,
        client: redis.asyncio.Redis,
    ) -> None:
        self._database, self._store, self._catalog = database, store, catalog
        self._inference, self._client = inference, client

    async def point(self, name: str, alias: str, version: str, caller: Caller) -> Model:
        """Let an alias refer to a version once a serving worker has used it. Roll-back is the same move.

        Raises:
            UnknownModel, UnknownVersion: there is none.
            Forbidden: it belongs to another key.
            BadCheckpoint: its output is not sane.
            Busy: no worker can try it at the moment.
        """
        found = self._own(name, caller).resolve(version)
        await self._try(found)
        await asyncio.to_thread(self._point, name, alias, found.digest)
        await self._changed(name)
        return self._catalog.model(name)

    async def add(self, name: str, file: Path, card: str, caller: Caller) -> Version:
        """Publish a checkpoint from elsewhere, once a serving worker has used it.

        Raises:
            BadCheckpoint: the file is no checkpoint, or its output is not sane.
            WrongKind: the name stands for the other kind of model.
            Forbidden: it belongs to another key.
            Busy: no worker can try it at the moment.
        """
        if self._catalog.is_taken(name):
            with contextlib.suppress(UnknownModel):
                self._own(name, caller)
        candidate = await asyncio.to_thread(self._candidate, name, file)
        try:
            await asyncio.to_thread(self._store.put, checkpoint_path(candidate.digest), file, lasting=True)
            await self._try(candidate)
            version = await asyncio.to_thread(self._publish, name, file, card, caller)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(self._discard, candidate.digest))
            raise
        await self._changed(name)
        return version

    async def remove(self, name: str, version: str, caller: Caller) -> None:
        """Remove a version that no alias refers to.

        Raises:
            UnknownModel, UnknownVersion: there is none.
            Forbidden: it belongs to another key.
            VersionInUse: an alias refers to it.
        """
        found = self._own(name, caller).resolve(version)
        await asyncio.to_thread(self._withdraw, found)
        await self._changed(name)

    def export(self, name: str, version: str, *, onnx: bool) -> tuple[Version, int, Iterator[bytes]]:
        """A version's file: whose, how large, and its bytes. Waits for the store: use it in a thread.

        Raises:
            UnknownModel, UnknownVersion: there is none.
            NothingYet: it was never exported as a graph.
        """
        found = self._catalog.model(name).resolve(version)
        path = onnx_path(found.digest) if onnx else checkpoint_path(found.digest)
        try:
            return found, self._store.size(path), self._store.stream(path)
        except FileNotFoundError:
            raise NothingYet(
                f"{name}@{version} has no ONNX graph; `python -m models.export FILE` makes one of its safetensors file."
            ) from None

    def _own(self, name: str, caller: Caller) -> Model:
        model = self._catalog.model(name)
        if caller.owner is not None and model.owner != caller.key:
            raise Forbidden(f"The model {name} belongs to another key; only that one and administrators change it.")
        return model

    async def _try(self, version: Version) -> None:
        """Let a serving worker use the version, which loads it there. Raises `BadCheckpoint` or `Busy`."""
        deadline = asyncio.get_running_loop().time() + trial.TRIAL_SECONDS
        if version.kind == "classifier":
            answer = await self._inference.classify(version, [Subject(trial.picture(version))], deadline=deadline)
            sane = trial.are_probabilities(answer.results[0].probabilities, version)
        else:
            drawn = await self._inference.draw(version, [trial.drawing(version)], deadline=deadline)
            sane = trial.shows_something(drawn.results[0].pixels)
        if not sane:
            raise BadCheckpoint(reason=trial.FAULT)

    def _candidate(self, name: str, file: Path) -> Version:
        """The version that the file would be. Raises `BadCheckpoint`."""
        if not registry.NAME.fullmatch(name):
            raise BadCheckpoint(reason=registry.NAME_RULE)
        if name.startswith(training.RUNS):
            raise BadCheckpoint(reason=f"names that begin with {training.RUNS} are those of running jobs")
        data = file.read_bytes()
        header = registry.read_header(data)
        size, channels = header["input"]["size"], header["input"]["channels"]
        labels, directions = header["labels"], header["extras"].get("directions", ())
        if type(size) is not int or not 1 <= size <= _LARGEST_SIDE or channels not in (1, 3):
            raise BadCheckpoint(reason=f"its pictures are not of 1 to {_LARGEST_SIDE} pixels with 1 or 3 channels")
        if len(labels) > _MOST_LABELS or not all(isinstance(each, str) for each in (*labels, *directions)):
            raise BadCheckpoint(reason="its labels are not texts, or too many")
        return Version(
            model=name,
            digest=hashlib.sha256(data).hexdigest(),
            kind=header["kind"],
            header=header,
            card="",
            source=IMPORTED,
            size_bytes=len(data),
            created_at=now(),
        )

    def _discard(self, digest: str) -> None:
        """Remove the bytes of an import that failed, unless they have become a version's by another one."""
        with self._database.session() as session:
            if not registry.is_published(session, digest):
                self._store.delete(checkpoint_path(digest))

    def _publish(self, name: str, file: Path, card: str, caller: Caller) -> Version:
        with self._database.session() as session:
            return registry.publish(
                session,
                self._store,
                name=name,
                checkpoint=file,
                onnx=None,
                source=IMPORTED,
                card=card,
                owner=caller.key,
            )

    def _point(self, name: str, alias: str, digest: str) -> None:
        with self._database.session() as session:
            registry.point(session, model=name, alias=alias, digest=digest)

    def _withdraw(self, version: Version) -> None:
        with self._database.session() as session:
            unused = registry.withdraw(session, model=version.model, digest=version.digest)
        if unused:
            self._store.delete(checkpoint_path(version.digest), onnx_path(version.digest))

    async def _changed(self, name: str) -> None:
        """Read the registry again, here at once, elsewhere as soon as they hear of it."""
        await asyncio.to_thread(self._catalog.refresh)
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await self._client.publish(REGISTRY_CHANNEL, name)
