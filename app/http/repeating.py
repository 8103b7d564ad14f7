"""uvicorn's protocol, which repeats a refusal before anything is made of a request.

Everything else goes its way: what is not kept open, waits to be told to go on, comes while another request of its
connection is answered, or comes from a client that does not read.
"""

import asyncio
from typing import Any, cast

from app import request_ids
from app.http.refusals import PEER, Head, Refusals
from app.http.slow_clients import PatientProtocol


class RepeatingProtocol(PatientProtocol):
    """Answers what has just been refused, as the `refusals` in the state of the application's lifespan say."""

    def on_headers_complete(self) -> None:
        """The head is here."""
        if not self._repeat():
            cast(dict[str, Any], self.scope)[PEER] = self.client
            super().on_headers_complete()

    def _repeat(self) -> bool:
        refusals: Refusals | None = self.app_state.get("refusals")
        if refusals is None or not refusals.any or not self._is_plain():
            return False
        refusal = refusals.again(Head.of(self.parser.get_method(), self.url, self.client, self.headers))
        if refusal is None:
            return False
        self.head_is_here()
        request_id = request_ids.choose(dict(self.headers).get(request_ids.FIELD))
        refusal.count()
        self.transport.write(refusal.to(request_id, common=self.server_state.default_headers))
        self.cycle = _ANSWERED  # what comes of the body is passed over
        self.on_response_complete()
        return True

    def _is_plain(self) -> bool:
        return (
            (self.cycle is None or self.cycle.response_complete)
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and not self.flow.write_paused
        )


class _Answered:
    """A request and its answer, as far as uvicorn looks at one that is over."""

    response_complete = True
    message_event = asyncio.Event()


_ANSWERED: Any = _Answered()
