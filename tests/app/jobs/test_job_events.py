import asyncio
from pathlib import Path

import pytest
from fastapi.responses import StreamingResponse

from app.jobs import job_events
from app.jobs.job_events import Wanted
from tests.app.jobs.test_durable import living

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("last_event_id", "after"), [("999999", 0), (None, 999999)])
async def test_who_claims_to_know_more_than_has_happened_hears_of_the_end(
    last_event_id: str | None, after: int, tmp_path: Path, api_redis: str
) -> None:
    wanted = Wanted(accept=job_events.STREAM, last_event_id=last_event_id, after=after, limit=100)
    async with living(tmp_path, api_redis) as world:
        job = await world.accept()
        answer = await job_events.answer(job, wanted, world.durable)
        assert isinstance(answer, StreamingResponse)
        world.finish(world.claim(job))
        async with asyncio.timeout(60):
            told = "".join([str(piece) async for piece in answer.body_iterator])
    assert [line for line in told.splitlines() if line.startswith("id:")] == ["id: 2", "id: 3"]
