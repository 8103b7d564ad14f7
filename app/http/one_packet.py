"""The head and the body of an answer in one packet.

uvicorn writes the head of an answer and then its body, which uvloop sends as two packets: twice the work of sending for
us, and of receiving for the client. For a short answer that is a tenth of all that it costs.
"""

import asyncio
from typing import Any

LONGEST_BYTES = 65_536
"""What is longer than this is not put behind a head, which would copy it."""


class OnePacket:
    """A transport that keeps the first thing it is to write until the second comes, or the event loop's turn is over.

    So nothing waits for more than a turn, and no more than one thing waits. All else is done by the real transport.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._later = asyncio.get_running_loop().call_soon
        self._kept = b""

    def write(self, data: bytes) -> None:
        """Send `data`, together with what was kept or with what comes next."""
        if len(data) > LONGEST_BYTES:
            self._send()
            self._transport.write(data)
        elif self._kept:
            data, self._kept = self._kept + data, b""
            self._transport.write(data)
        else:
            self._kept = data
            self._later(self._send)

    def close(self) -> None:
        """Hang up when all is sent."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        if self._kept:
            kept, self._kept = self._kept, b""
            self._transport.write(kept)
