"""Delivers webhooks, in every api process: messages are signed as Standard Webhooks says and sent until they arrive.

Delivery is at least once: who receives may see a message twice, with the same `webhook-id`.
"""

import asyncio
import json
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

from standardwebhooks import Webhook

from app.contract import webhooks
from app.contract.database import Database
from app.contract.errors import WebhookRefused
from app.contract.settings import Settings
from app.contract.webhooks import Outgoing
from app.jobs import webhook_address

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 15.0
"""For a whole attempt, from looking up the name to the last header, so that one slow receiver delays no other."""

RETRY_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
"""Pauses between attempts, as Standard Webhooks advises; after the last one a message is given up."""


class Webhooks:
    """Several processes may deliver at once: a message is taken by one of them."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._private = settings.webhook_private_addresses

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of every connection; what is under way is sent again later."""
        if "_http" in self.__dict__:
            await self._http.aclose()

    async def deliver(self) -> None:
        """Send until nothing is due."""
        while await self.deliver_due():
            pass

    async def deliver_due(self) -> int:
        """Send every message whose time has come; how many there were."""
        outgoing = await asyncio.to_thread(self._take)
        await asyncio.gather(*(self._deliver(message) for message in outgoing))
        return len(outgoing)

    def _take(self) -> list[Outgoing]:
        with self._database.session() as session:
            webhooks.write_messages(session)
            return webhooks.take_due(session, hold_seconds=4 * ANSWER_SECONDS)

    @cached_property
    def _http(self) -> "httpx.AsyncClient":
        # Imported when the first message is sent: at its start an api would spend a tenth of a second on it.
        import httpx

        return httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False)

    async def _deliver(self, message: Outgoing) -> None:
        import httpx

        status, error = None, None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._send(message)
            status = answer.status_code
            if not answer.is_success:
                error = f"the answer was {answer.status_code}"
        except WebhookRefused as refusal:
            error = refusal.detail
        except TimeoutError:
            error = f"there was no answer within {ANSWER_SECONDS:g} seconds"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:  # of this message, not of others
            error = f"{type(failure).__name__}: {failure}"
        attempt = message.delivery.attempts
        # 410 says that nobody wants it any more.
        over = attempt > len(RETRY_SECONDS) or status == httpx.codes.GONE
        retry = None if error is None or over else RETRY_SECONDS[attempt - 1]
        await asyncio.to_thread(self._note, message.delivery.id, status, error, retry)

    async def _send(self, message: Outgoing) -> "httpx.Response":
        """One attempt. The address is looked up here and connected to as it is, so that a name which points elsewhere
        a moment later does not help anyone."""
        import httpx

        url = httpx.URL(message.url)
        address = await webhook_address.check(message.url, private=self._private)
        body = json.dumps(message.delivery.body, ensure_ascii=False)
        at = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "Host": url.netloc.decode("ascii"),
            "User-Agent": f"Likeness/{version('likeness')}",
            "webhook-id": message.delivery.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(message.secret).sign(message.delivery.id, at, body),
        }
        async with self._http.stream(
            "POST",
            url.copy_with(host=address),
            content=body.encode(),
            headers=headers,
            extensions={"sni_hostname": url.host},
        ) as answer:
            return answer  # what else the receiver says is not read

    def _note(self, delivery_id: str, status: int | None, error: str | None, retry_seconds: float | None) -> None:
        with self._database.session() as session:
            webhooks.note(session, delivery_id, status=status, error=error, retry_seconds=retry_seconds)
