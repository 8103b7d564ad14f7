"""Webhooks: signed, retried, told once each, and never sent into the network that the service stands in."""

import asyncio
import contextlib
import http.server
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from app.contract import jobs, leases, training
from app.contract import webhooks as messages
from app.contract.database import Database, now
from app.contract.errors import WebhookRefused
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.tables import DeliveryRow
from app.contract.webhooks import DeliveryState
from app.jobs import webhook_address, webhooks

pytestmark = pytest.mark.anyio

EVENTS = ["training_job.running", "training_job.sample", "training_job.succeeded"]


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it gets, and answers with the next of `answers`, or 204."""

    answers: ClassVar[list[int]] = []
    endless: ClassVar[bool] = False
    """Whether the answer comes byte by byte and never to its end."""
    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        if self.endless:
            self.flush_headers()
            with contextlib.suppress(ConnectionError):  # the client has had enough
                while True:
                    self.wfile.write(b"X")
                    time.sleep(0.02)
            return
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.got.clear()
    Receiver.answers.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/hook"
        server.shutdown()
        thread.join()


def run(database: Database, url: str) -> jobs.Job:
    """A training that has come to its end, whose events are to be told to `url`."""
    with database.session() as session:
        request = {"model": "squares", "dataset": "ds_1"}
        job = jobs.create(session, kind=training.KIND, queue="train", request=request, owner="key_1")
        messages.register(session, job_id=job.id, url=url, events=EVENTS)
        claimed = leases.claim(session, job.id, worker="train-0", lease_seconds=30)
        assert claimed is not None
        for images in (1, 2):
            leases.append(session, claimed, "sample", {"images": images})
            leases.append(session, claimed, "progress", {"images": images})
        leases.finish(session, claimed, JobState.SUCCEEDED, "done")
    return job


def sender(database: Database, tmp_path: Path, *, private: bool = True) -> webhooks.Webhooks:
    return webhooks.Webhooks(database, Settings(home=tmp_path, webhook_private_addresses=private))


def log(database: Database, job: jobs.Job) -> list[messages.Delivery]:
    with database.session() as session:
        return messages.of_job(session, job.id)


async def test_every_wanted_event_arrives_once_and_is_signed(database: Database, receiver: str, tmp_path: Path) -> None:
    job = run(database, receiver)
    async with sender(database, tmp_path) as deliveries:
        while await deliveries.deliver_due():
            pass
        assert await deliveries.deliver_due() == 0
    with database.session() as session:
        verifier = Webhook(messages.secret(session, "key_1"))
    told = sorted(
        (verifier.verify(body, headers) for headers, body in Receiver.got), key=lambda each: each["data"]["event"]
    )
    assert [each["type"] for each in told] == [
        "training_job.running",
        "training_job.sample",
        "training_job.sample",
        "training_job.succeeded",
    ]
    assert told[-1]["data"]["id"] == job.id
    assert (told[-1]["data"]["model"], told[1]["data"]["images"]) == ("squares", 1)
    assert {each.state for each in log(database, job)} == {DeliveryState.DELIVERED}


async def test_a_message_that_is_refused_is_sent_again_later_as_the_same(
    database: Database, receiver: str, tmp_path: Path
) -> None:
    Receiver.answers.extend([500] * 4)
    job = run(database, receiver)
    async with sender(database, tmp_path) as deliveries:
        assert await deliveries.deliver_due() == 4
        waiting = log(database, job)
        assert {(each.state, each.status, each.attempts) for each in waiting} == {(DeliveryState.PENDING, 500, 1)}
        assert all(timedelta(0) < each.next_at - now() < timedelta(seconds=6) for each in waiting)
        with database.session() as session:
            session.execute(sa.update(DeliveryRow).values(next_at=now()))
        assert await deliveries.deliver_due() == 4
    assert {(each.state, each.attempts) for each in log(database, job)} == {(DeliveryState.DELIVERED, 2)}
    ids = [headers["webhook-id"] for headers, _ in Receiver.got]
    assert sorted(ids[:4]) == sorted(ids[4:])


@pytest.mark.parametrize(("answer", "attempts"), [(410, 0), (500, len(webhooks.RETRY_SECONDS))])
async def test_a_message_that_nobody_takes_is_given_up(
    answer: int, attempts: int, database: Database, receiver: str, tmp_path: Path
) -> None:
    Receiver.answers.extend([answer] * 4)
    job = run(database, receiver)
    async with sender(database, tmp_path) as deliveries:
        with database.session() as session:
            messages.write_messages(session)
            session.execute(sa.update(DeliveryRow).values(attempts=attempts))
        await deliveries.deliver_due()
    assert {each.state for each in log(database, job)} == {DeliveryState.FAILED}


async def test_an_answer_that_never_ends_is_a_failed_attempt(
    database: Database, receiver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Receiver, "endless", True)
    monkeypatch.setattr(webhooks, "ANSWER_SECONDS", 0.3)
    job = run(database, receiver)
    async with sender(database, tmp_path) as deliveries, asyncio.timeout(10):
        assert await deliveries.deliver_due() == 4
    assert {(each.state, each.status, each.attempts, each.error) for each in log(database, job)} == {
        (DeliveryState.PENDING, None, 1, "there was no answer within 0.3 seconds")
    }


async def test_an_address_that_has_become_private_gets_nothing(
    database: Database, receiver: str, tmp_path: Path
) -> None:
    job = run(database, receiver)
    async with sender(database, tmp_path, private=False) as deliveries:
        await deliveries.deliver_due()
    assert Receiver.got == []
    assert "is not an address of the public internet" in str(log(database, job)[0].error)


async def test_eight_processes_tell_every_event_once(database: Database, receiver: str, tmp_path: Path) -> None:
    run(database, receiver)
    counts: list[int] = []

    def deliver() -> None:
        with database.session() as session:
            messages.write_messages(session)
            counts.append(len(messages.take_due(session, hold_seconds=60)))

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 4


def test_messages_that_are_tried_again_do_not_delay_new_ones(database: Database) -> None:
    run(database, "https://silent.example")
    with database.session() as session:
        messages.write_messages(session)
        messages.take_due(session, hold_seconds=-60)  # nobody answered, and the time has come again
    new = run(database, "https://example.com")
    with database.session() as session:
        messages.write_messages(session)
        taken = messages.take_due(session, hold_seconds=60, limit=4)
    assert {message.delivery.job for message in taken} == {new.id}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://[::1]/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://[64:ff9b::10.0.0.1]/x",
        "http://[64:ff9b:1::10.0.0.1]/x",
        "http://[2002:a00:1::1]/x",
        "http://10.1.2.3/x",
        "http://172.16.0.1/x",
        "http://192.168.1.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/x",
        "http://0.0.0.0/x",
        "http://224.0.0.1/x",
        "http://localhost/x",
        "http://2130706433/x",
        "ftp://example.com/x",
        "http://user:secret@8.8.8.8/x",
        "http:///x",
        "http://no.such.host.invalid/x",
        "http://two..dots/x",
        f"http://{64 * 'x'}.example/x",
        "http://8.8.8.8:notaport/x",
    ],
)
async def test_webhooks_do_not_reach_into_the_network_of_the_service(url: str) -> None:
    with pytest.raises(WebhookRefused):
        await webhook_address.check(url, private=False)


async def test_public_addresses_are_taken_and_private_ones_when_allowed() -> None:
    assert await webhook_address.check("https://8.8.8.8/x", private=False) == "8.8.8.8"
    assert await webhook_address.check("https://[64:ff9b::8.8.8.8]/x", private=False) == "64:ff9b::808:808"
    assert await webhook_address.check("http://127.0.0.1:9/x", private=True) == "127.0.0.1"


async def test_names_that_nobody_tells_of_hold_up_no_one_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, told = socket.getaddrinfo, threading.Event()

    def silent(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "silent.example":
            told.wait(30)
        return asked(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr(webhook_address, "LOOKUP_SECONDS", 0.5)
    checks = [
        asyncio.create_task(webhook_address.check("https://silent.example/x", private=False))
        for _ in range((os.cpu_count() or 1) + 4)  # as many as asyncio has threads
    ]
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await webhook_address.check("https://8.8.8.8/x", private=False) == "8.8.8.8"
            assert await asyncio.to_thread(lambda: 1) == 1
            refused = await asyncio.gather(*checks, return_exceptions=True)
    finally:
        told.set()
    assert all(isinstance(one, WebhookRefused) and "0.5 seconds" in one.detail for one in refused)


def test_a_body_says_what_it_is(database: Database) -> None:
    job = run(database, "https://example.com")
    with database.session() as session:
        messages.write_messages(session)
    body: dict[str, Any] = log(database, job)[0].body
    assert json.loads(json.dumps(body)) == body
    assert set(body) == {"type", "timestamp", "data"}
