"""How long a request took, and where."""

import asyncio

from app.contract.schemas.base import Timing


def since(began: float, *, queue_ms: float, compute_ms: float) -> Timing:
    """The timing of a request that arrived at `began` (time of the event loop) and is answered now."""
    total_ms = 1000 * (asyncio.get_running_loop().time() - began)
    return Timing(queue_ms=round(queue_ms, 2), compute_ms=round(compute_ms, 2), total_ms=round(total_ms, 2))
