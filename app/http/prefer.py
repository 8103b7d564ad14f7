"""The `Prefer` header (RFC 7240): whether a client wants a durable job, and how long it waits for the answer first."""

import re
from dataclasses import dataclass

from app.contract.errors import BadOption

LONGEST_WAIT_SECONDS = 60

_WAIT = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Prefer:
    """What the client prefers. `wait` alone asks for a durable job, too: one that may outlast the connection."""

    respond_async: bool = False
    wait_seconds: int = 0

    @property
    def durable(self) -> bool:
        """Whether the request is to become a job."""
        return self.respond_async or self.wait_seconds > 0

    @property
    def applied(self) -> str:
        """What `Preference-Applied` says."""
        wait = f"wait={self.wait_seconds}" if self.wait_seconds else ""
        return ", ".join(part for part in ("respond-async" if self.respond_async else "", wait) if part)

    @classmethod
    def parse(cls, header: str | None) -> "Prefer":
        """Read the header. Preferences that are not known here are none, as the RFC says; a bad `wait` is refused.

        Raises:
            BadOption: `wait` is no whole number of seconds.
        """
        respond_async, wait = False, 0
        for preference in (header or "").split(","):
            name, _, value = preference.partition(";")[0].strip().partition("=")
            match name.strip().lower():
                case "respond-async":
                    respond_async = True
                case "wait":
                    value = value.strip().strip('"')
                    if not _WAIT.fullmatch(value):
                        raise BadOption(name="Prefer: wait", reason="is a whole number of seconds")
                    wait = min(int(value), LONGEST_WAIT_SECONDS)
        return cls(respond_async, wait)
