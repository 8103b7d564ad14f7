"""What a span is to those who tell of their work, whoever collects it; see `app.contract.tracing`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

Value = str | int | float


class Span(Protocol):
    """A stretch of time that is being told of."""

    def name(self, name: str) -> None:
        """Call it something else."""

    def note(self, attributes: Mapping[str, Value]) -> None:
        """Say more of it. Never what a client sent: seeds, addresses and texts may be somebody's name."""

    def failed(self, code: str) -> None:
        """Say that it came to no good end."""


class Tracer(Protocol):
    """Makes the spans of one process; `app.contract.tracing` says what each of these is for."""

    def here(self) -> str | None: ...

    def span(
        self, name: str, *, parent: str | None, server: bool, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]: ...

    def joined(
        self, name: str, callers: Sequence[str | None], *, attributes: Mapping[str, Value]
    ) -> AbstractContextManager[Span]: ...

    def past(self, name: str, *, seconds: float, parent: str | None) -> None: ...

    def stop(self) -> None: ...
