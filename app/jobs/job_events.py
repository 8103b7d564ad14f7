"""Events of a job as clients get them: a page as JSON, or all of them as they come, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from app import errors
from app.contract.errors import BadOption, NotAcceptable, Unauthenticated, UnknownJob
from app.contract.events import Event
from app.contract.jobs import Job
from app.contract.schemas.jobs import EventList, EventView
from app.http import negotiation
from app.jobs.durable import Durable
from app.openapi import EVENT_STREAM

STREAM = "text/event-stream"
LARGEST_NUMBER = 2**53
"""No event has a higher one; programs in JavaScript count no further."""

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": EVENT_STREAM, "description": "A page, or a live stream."},
    204: {"description": "The job has ended, and the stream has nothing more to say; do not reconnect."},
    **errors.declared(Unauthenticated, UnknownJob, NotAcceptable, BadOption),
}
"""What a route that answers with events declares."""


@dataclass(frozen=True)
class Wanted:
    """Which events a client asks for, and how."""

    accept: str | None
    last_event_id: str | None
    after: int
    limit: int


async def _wanted(
    limit: Annotated[int, Query(ge=1, le=1000, description="Most events on a page.")] = 100,
    after: Annotated[int, Query(ge=0, le=LARGEST_NUMBER, description="Number of the last event that is known.")] = 0,
    accept: Annotated[str | None, Header(description="`text/event-stream` follows the job until it ends.")] = None,
    last_event_id: Annotated[str | None, Header(description="Resumes a stream after this event.")] = None,
) -> Wanted:
    return Wanted(accept=accept, last_event_id=last_event_id, after=after, limit=limit)


WantedEvents = Annotated[Wanted, Depends(_wanted)]


async def answer(job: Job, wanted: Wanted, durable: Durable) -> Response | EventList:
    """A page of the job's events, or the stream of them.

    Raises:
        NotAcceptable, BadOption: the client accepts neither, or resumes after what is no event.
    """
    if negotiation.choose(wanted.accept, ("application/json", STREAM)) == "application/json":
        found = await asyncio.to_thread(durable.events, job, after=wanted.after, limit=wanted.limit + 1)
        page = [_view(event) for event in found[: wanted.limit]]
        return EventList(data=page, has_more=len(found) > wanted.limit, last_id=page[-1].id if page else None)
    # Who claims to know an event that has not happened yet would miss it: the end of the stream, above all.
    after = min(_last_known(wanted), job.last_event)
    if job.state.final and after >= job.last_event:
        return Response(status_code=204)  # tells a browser's EventSource not to come back
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(durable, job, after), media_type=STREAM, headers=headers)


def _last_known(wanted: Wanted) -> int:
    told = wanted.last_event_id
    if told is None:
        return wanted.after
    if not told.isascii() or not told.isdigit() or len(told) > len(str(LARGEST_NUMBER)):
        raise BadOption(name="Last-Event-ID", reason="is the number of an event")
    return int(told)


async def _stream(durable: Durable, job: Job, after: int) -> AsyncIterator[str]:
    async for event in durable.follow(job, after=after):
        if event is None:
            yield ": still here\n\n"
        else:
            data = json.dumps({**event.data, "at": event.at.isoformat()}, ensure_ascii=False)
            yield f"id: {event.number}\nevent: {event.type}\ndata: {data}\n\n"


def _view(event: Event) -> EventView:
    return EventView(id=event.number, type=event.type, data=event.data, at=event.at)
