import hashlib
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.contract import leases
from app.contract.database import Database
from app.contract.messages import Reply, pack
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.store import Store
from tests.app import serving

ASYNC = {"Prefer": "respond-async"}


class Hands:
    """Does durable jobs by hand, as a worker would."""

    def __init__(self, settings: Settings) -> None:
        self.database, self.store = Database(settings.database), Store(settings.store)

    def run(self, job_id: str, output: dict[str, Any], files: dict[str, bytes]) -> None:
        """Claim the job, put its files into the store, and finish it."""
        with self.database.session() as session:
            job = leases.claim(session, job_id, worker="hands", lease_seconds=30)
            assert job is not None
            leases.append(session, job, "progress", {"images": 1, "of": 1}, progress={"images": 1, "of": 1})
        for name, data in files.items():
            self.store.put(f"jobs/{job_id}/output/{name}", data)
        with self.database.session() as session:
            leases.finish(session, job, JobState.SUCCEEDED, "done", output=output)


@pytest.fixture
def hands(settings: Settings) -> Hands:
    return Hands(settings)


def draw(client: TestClient, **headers: str) -> Any:
    return client.post("/v1/generate", json={"seeds": ["ada"]}, headers={**ASYNC, **headers})


def test_a_request_may_become_a_job(client: TestClient) -> None:
    answer = draw(client)
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["urls"]["self"]
    assert answer.headers["preference-applied"] == "respond-async"
    assert (job["object"], job["kind"], job["status"], job["output"]) == ("job", "generate", "queued", None)
    assert client.get(answer.headers["location"]).json()["id"] == job["id"]


def test_a_list_of_jobs_can_be_narrowed(client: TestClient, hands: Hands) -> None:
    waiting, taken = draw(client).json()["id"], draw(client).json()["id"]
    with hands.database.session() as session:
        leases.claim(session, taken, worker="hands-0/0123abcd", lease_seconds=30)

    def found(query: str) -> dict[str, Any]:
        return {job["id"]: job for job in client.get(f"/v1/jobs?limit=100&{query}").json()["data"]}

    running = found("kind=generate&status=running")
    assert running[taken]["worker"] == "hands-0"
    assert waiting not in running
    assert {waiting, taken} <= found("kind=generate&kind=classify&status=queued&status=running").keys()
    assert not {waiting, taken} & found("kind=training").keys()
    assert client.get("/v1/jobs?status=bored").json()["code"] == "invalid_request"


def test_a_job_that_has_drawn_tells_of_its_pictures(client: TestClient, hands: Hands) -> None:
    job, data = draw(client).json(), serving.png(7)
    entry = {"seed": "ada", "name": "0.png", "content_type": "image/png", "width": 16, "height": 16}
    sha256 = hashlib.sha256(data).hexdigest()
    hands.run(job["id"], {"model": "faces@sha256:0", "images": [{**entry, "sha256": sha256}]}, {"0.png": data})
    done = client.get(job["urls"]["self"]).json()
    assert (done["status"], done["progress"]) == ("succeeded", {"images": 1, "of": 1})
    image = done["output"]["images"][0]
    assert image["native_size"] == serving.FACE
    file = client.get(image["url"])
    assert (file.content, file.headers["content-type"]) == (data, "image/png")


def test_a_job_that_has_classified_answers_as_the_interactive_path_does(client: TestClient, hands: Hands) -> None:
    body = {"content": serving.png(200), "headers": {"content-type": "image/png"}}
    at_once = client.post("/v1/classify", **body).json()
    body["headers"] |= ASYNC
    job = client.post("/v1/classify", **body).json()
    pixels = hands.store.get(f"jobs/{job['id']}/input/pixels")
    scores = memoryview(bytearray(20)).cast("f")
    for position, number in enumerate((*serving.brightness(pixels), -0.7)):
        scores[position] = number
    reply = pack(Reply(batch="b", shape=(1, 4)), scores.tobytes())
    output = {"model": at_once["model"], "reply": f"jobs/{job['id']}/output/reply"}
    hands.run(job["id"], output, {"reply": reply})
    done = client.get(job["urls"]["self"]).json()["output"]
    assert (done["model"], done["results"]) == (at_once["model"], at_once["results"])


def test_an_idempotency_key_makes_one_job(client: TestClient) -> None:
    first, second = (draw(client, **{"Idempotency-Key": "once"}) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    other = client.post("/v1/generate", json={"seeds": ["b"]}, headers={**ASYNC, "Idempotency-Key": "once"})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_events_are_told_in_pages(client: TestClient, hands: Hands) -> None:
    job = draw(client).json()
    hands.run(job["id"], {"model": "m", "images": []}, {})
    page = client.get(job["urls"]["events"], params={"limit": 3}).json()
    assert ([event["id"] for event in page["data"]], page["has_more"], page["last_id"]) == ([1, 2, 3], True, 3)
    rest = client.get(job["urls"]["events"], params={"after": 3}).json()
    assert ([event["data"]["status"] for event in rest["data"]], rest["has_more"]) == (["succeeded"], False)


def test_events_are_streamed_and_resumed(client: TestClient, hands: Hands) -> None:
    job = draw(client).json()
    hands.run(job["id"], {"model": "m", "images": []}, {})
    stream = {"Accept": "text/event-stream"}
    whole = client.get(job["urls"]["events"], headers=stream)
    assert whole.headers["content-type"].startswith("text/event-stream")
    assert [block.split("\n")[0] for block in whole.text.strip().split("\n\n")] == ["id: 1", "id: 2", "id: 3", "id: 4"]
    rest = client.get(job["urls"]["events"], headers={**stream, "Last-Event-ID": "3"}).text
    number, kind, data = rest.strip().split("\n")
    assert (number, kind) == ("id: 4", "event: status")
    assert json.loads(data.removeprefix("data: "))["status"] == "succeeded"
    assert client.get(job["urls"]["events"], headers={**stream, "Last-Event-ID": "4"}).status_code == 204


@pytest.mark.parametrize("told", ["9" * 5000, "9" * 30, "-1", "1.5", "\u00b2", ""])
def test_a_stream_resumes_after_the_number_of_an_event(client: TestClient, told: str) -> None:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": told.encode("utf-8")}
    answer = client.get(draw(client).json()["urls"]["events"], headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_option")


def test_a_job_can_be_cancelled_once(client: TestClient, hands: Hands) -> None:
    job = draw(client).json()
    assert client.post(job["urls"]["cancel"]).json()["status"] == "cancelled"
    assert client.post(job["urls"]["cancel"]).json()["status"] == "cancelled"
    done = draw(client).json()
    hands.run(done["id"], {"model": "m", "images": []}, {})
    refused = client.post(done["urls"]["cancel"])
    assert (refused.status_code, refused.json()["code"]) == (409, "job_finished")


def test_jobs_are_listed_newest_first(client: TestClient) -> None:
    made = [draw(client).json()["id"] for _ in range(3)]
    first = client.get("/v1/jobs", params={"limit": 2}).json()
    assert ([job["id"] for job in first["data"]], first["has_more"]) == ([made[2], made[1]], True)
    assert client.get("/v1/jobs", params={"limit": 1, "after": first["last_id"]}).json()["data"][0]["id"] == made[0]


@pytest.mark.parametrize("path", ["", "/events", "/output/0.png"])
def test_a_job_that_is_none(client: TestClient, path: str) -> None:
    answer = client.get(f"/v1/jobs/job_nobody{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


@pytest.mark.parametrize("name", ["../input/pixels", "reply", "0.exe", "%2e%2e"])
def test_only_pictures_are_handed_out(client: TestClient, name: str) -> None:
    job = draw(client).json()
    assert client.get(f"/v1/jobs/{job['id']}/output/{name}").status_code in (404, 422)
