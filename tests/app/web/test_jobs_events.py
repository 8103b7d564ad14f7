"""The stream of a job's events, over connections that break."""

import json

import pytest
from playwright.sync_api import Page, Route

pytestmark = [pytest.mark.browser, pytest.mark.service]

FOLLOW = """
async () => {
  const { follow } = await import("/web/jobs/events.js");
  const found = [], connections = [];
  const signal = new AbortController().signal;
  const connected = (yes) => connections.push(yes);
  for await (const event of follow("/v1/jobs/job_none/events", { signal, connected })) found.push(event);
  return { found, connections };
}
"""


def event(number: int) -> str:
    return f"id: {number}\nevent: progress\ndata: {json.dumps({'images': number, 'name': 'ä: b'})}\n\n"


def test_a_stream_that_breaks_goes_on_after_the_last_event_that_came(page: Page) -> None:
    asked: list[str] = []
    bodies = [event(1) + ": still here\n\n" + event(2) + "id: 3\nevent: prog", event(3)]

    def answer(route: Route) -> None:
        asked.append(route.request.headers["last-event-id"])
        if len(asked) <= len(bodies):
            route.fulfill(body=bodies[len(asked) - 1], content_type="text/event-stream")
        else:
            route.fulfill(status=204)

    page.route("**/v1/jobs/job_none/events", answer)
    page.goto("/docs")
    told = page.evaluate(FOLLOW)
    assert [each["id"] for each in told["found"]] == [1, 2, 3]
    assert told["found"][2] == {"id": 3, "type": "progress", "data": {"images": 3, "name": "ä: b"}}
    assert asked == ["0", "2", "3"]
    assert told["connections"] == [True, True, True]
