"""The models as this process knows them: the registry in memory, so that no request waits for a database."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Self

import sqlalchemy.exc

from app import signals
from app.access import caller
from app.background import Background
from app.contract import registry
from app.contract.database import Database
from app.contract.errors import UnknownModel, WrongKind
from app.contract.messages import REGISTRY_CHANNEL
from app.contract.registry import Kind, Model, Version

REFRESH_SECONDS = 3.0

_log = logging.getLogger(__name__)


class Catalog:
    """Models by name, refreshed when the registry signals a change, and every few seconds.

    Who is being answered (`app.access.caller.current`) finds no model that another key owns: no route can forget
    to ask.

    Args:
        database: where the registry is.
        wakes: tells of its changes.
        classifier: name of the model that serves a classify request which names none.
        generators: the same for drawing, and after it those of larger pictures.
    """

    def __init__(
        self, database: Database, wakes: signals.Signals, *, classifier: str, generators: Sequence[str]
    ) -> None:
        self._database, self._signals = database, wakes
        self._defaults: dict[Kind, Sequence[str]] = {"classifier": (classifier,), "generator": generators}
        self._models: dict[str, Model] = {}
        self._following = Background(self._follow)

    async def __aenter__(self) -> Self:
        """Read the registry now, and from then on whenever it changes."""
        await asyncio.to_thread(self.refresh)
        self._following.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Follow no more."""
        await self._following.stop()

    def refresh(self) -> None:
        """Read the registry. Raises what SQLAlchemy raises."""
        with self._database.session() as session:
            self._models = {model.name: model for model in registry.models(session)}

    @property
    def models(self) -> Sequence[Model]:
        """All models that the caller may use, by name."""
        asking = caller.current.get()
        return tuple(model for model in self._models.values() if asking.may_use(model.owner))

    def is_default(self, model: Model) -> bool:
        """Whether a request that names no model, and no size, gets this one."""
        return self._defaults[model.kind][0] == model.name

    def model(self, name: str) -> Model:
        """The model `name`. Raises `UnknownModel` when there is none, or another key owns it."""
        found = self._models.get(name)
        if found is None or not caller.current.get().may_use(found.owner):
            raise UnknownModel(model=_short(name))
        return found

    def is_taken(self, name: str) -> bool:
        """Whether some model, of whoever, has this name."""
        return name in self._models

    def resolve(self, reference: str, *, kind: Kind, size: int | None = None) -> Version:
        """The version that a client means.

        Args:
            reference: empty for the default model, `name`, `name@sha256:<hex>` or `name@alias`.
            kind: what it must be able to do.
            size: side in pixels of the picture that is wanted. Of several default generators it chooses the first that
                draws as many, or else the last.

        Raises:
            UnknownModel, UnknownVersion: there is none.
            WrongKind: it does something else.
        """
        name, _, wanted = reference.partition("@")
        model = self.model(name) if reference else self._default(kind, size or 0)
        if model.kind != kind:
            raise WrongKind(model=model.name, kind=model.kind, wanted=kind)
        return model.resolve(_short(wanted))

    def _default(self, kind: Kind, size: int) -> Model:
        first, *larger = self._defaults[kind]
        chosen = self.model(first)
        for name in larger:
            if chosen.production is None or chosen.production.size >= size:
                break
            model = self._models.get(name)
            if model is None or model.kind != kind or not caller.current.get().may_use(model.owner):
                continue
            chosen = model if model.production is not None else chosen
        return chosen

    async def _follow(self) -> None:
        with self._signals.sleeper(REGISTRY_CHANNEL) as signal:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(REFRESH_SECONDS):
                        await signal.wait()
                signal.clear()
                try:
                    await asyncio.to_thread(self.refresh)
                except sqlalchemy.exc.SQLAlchemyError as error:
                    _log.warning("catalog: the database does not answer (%s)", type(error).__name__)
                except Exception:  # such as a row of a later version: whoever stopped here would never see a promotion
                    _log.exception("catalog: the registry cannot be read; what was read before stands")


def _short(text: str) -> str:
    """What a client sent, at a length that an error can repeat."""
    return text if len(text) <= 100 else f"{text[:99]}…"


def is_pinned(reference: str) -> bool:
    """Whether `reference` names one version for ever."""
    return "@sha256:" in reference
