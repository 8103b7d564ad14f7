"""Who asks: known from the start of a request to its end."""

import contextvars
from dataclasses import dataclass

from app.contract.owners import ADMIN
from app.contract.schemas.keys import KeyScope


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        key: whose everything is that the caller makes; keys that share an owner have the same. `admin` for
            administrators, None when no key is configured.
        scopes: what it may.
        id: which key it is, for the logs.
    """

    key: str | None
    scopes: frozenset[str]
    id: str | None = None

    def may(self, scope: KeyScope) -> bool:
        """Whether the caller has `scope`; `admin` includes the others."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def owner(self) -> str | None:
        """Whose things the caller sees: those of its key, or, when None, everyone's."""
        return None if "admin" in self.scopes else self.key or ""

    def may_use(self, owner: str | None) -> bool:
        """Whether the caller may use a model of `owner`. Those of the service and of administrators are for all."""
        return self.owner is None or owner in (None, ADMIN, self.owner)


EVERYTHING = frozenset({"predict", "train", "admin"})
ANYONE = Caller(None, EVERYTHING)
"""Who asks a service without a key."""

NOBODY = Caller(None, frozenset())
"""Who shows no key to a service that wants one."""

current: contextvars.ContextVar[Caller] = contextvars.ContextVar("caller", default=ANYONE)
"""Who is being answered. What runs outside of a request acts for the service itself."""


def act_as(caller: Caller) -> None:
    """Answer on behalf of `caller` from here to the end of the request."""
    current.set(caller)
