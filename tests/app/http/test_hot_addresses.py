from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from app.http import hot_addresses
from app.http.hot_addresses import HotAddresses

PUBLIC = {"Cache-Control": "public, max-age=300", "ETag": '"tag"', "Content-Type": "image/png"}


class Site:
    """Answers every address with how often it was asked, and with `headers`."""

    def __init__(self, headers: dict[str, str] = PUBLIC, *, status: int = 200, size: int = 1) -> None:
        self.asked = 0

        async def answer(_request: Request) -> Response:
            self.asked += 1
            return Response(f"{self.asked}".zfill(size), status_code=status, headers=headers)

        routes: Any = [Route("/{path:path}", answer, methods=["GET", "POST", "HEAD"])]
        app = Starlette(routes=routes)
        app.add_middleware(HotAddresses, prefixes=("/faces/",))
        self.client = TestClient(app)


def test_an_address_is_answered_once_for_many() -> None:
    site = Site()

    answers = [site.client.get("/faces/ada.png?size=96") for _ in range(5)]

    assert {answer.text for answer in answers} == {"1"}
    assert [answer.headers for answer in answers] == [answers[0].headers] * 5
    assert site.asked == 1


def test_it_is_asked_again_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_addresses, "KEPT_SECONDS", 0.0)
    site = Site()

    assert [site.client.get("/faces/ada.png").text for _ in range(2)] == ["1", "2"]


def test_who_has_it_already_is_told_so() -> None:
    site = Site()
    site.client.get("/faces/ada.png")

    answer = site.client.get("/faces/ada.png", headers={"If-None-Match": '"tag"'})

    assert (answer.status_code, answer.content, answer.headers["etag"], site.asked) == (304, b"", '"tag"', 1)
    assert site.client.get("/faces/ada.png", headers={"If-None-Match": '"other"'}).text == "1"


@pytest.mark.parametrize("other", ["/faces/ada.png?size=97", "/faces/bob.png?size=96", "/faces/ada%2Epng?size=96"])
def test_another_address_is_another_answer(other: str) -> None:
    site = Site()

    assert [site.client.get(path).text for path in ("/faces/ada.png?size=96", other)] == ["1", "2"]


@pytest.mark.parametrize(
    ("headers", "status", "path"),
    [
        ({**PUBLIC, "Cache-Control": "private, max-age=300"}, 200, "/faces/ada.png"),
        ({**PUBLIC, "Cache-Control": "no-store"}, 200, "/faces/ada.png"),
        ({"Cache-Control": "public, max-age=300"}, 200, "/faces/ada.png"),
        (PUBLIC, 404, "/faces/ada.png"),
        (PUBLIC, 200, "/elsewhere"),
        (PUBLIC, 200, "/faces/ada.png?key=admin&signature=x"),
    ],
)
def test_what_is_not_for_all_is_not_kept(headers: dict[str, str], status: int, path: str) -> None:
    site = Site(headers, status=status)

    for _ in range(2):
        site.client.get(path)

    assert site.asked == 2


def test_other_methods_pass_through() -> None:
    site = Site()
    site.client.get("/faces/ada.png")

    assert site.client.post("/faces/ada.png").text == "2"
    assert site.client.head("/faces/ada.png").status_code == 200
    assert site.asked == 3


def test_memory_is_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_addresses, "MOST_BYTES", 10_000)
    site = Site(size=1000)

    for number in range(8):
        site.client.get(f"/faces/{number}.png")
    asked = site.asked
    site.client.get("/faces/7.png")
    assert site.asked == asked
    site.client.get("/faces/0.png")
    assert site.asked == asked + 1


def test_large_answers_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_addresses, "LARGEST_BYTES", 100)
    site = Site(size=101)

    for _ in range(2):
        site.client.get("/faces/ada.png")

    assert site.asked == 2
