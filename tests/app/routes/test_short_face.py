import pytest
from fastapi.testclient import TestClient
from starlette.routing import Match

from app.routes.short_face import ShortFace


@pytest.mark.parametrize(
    ("method", "path", "match"),
    [
        ("GET", "/v1/faces/ada.png", Match.FULL),
        ("GET", "/v1/faces/random.webp", Match.FULL),
        ("GET", "/v1/faces/a.b.jpg", Match.FULL),
        ("HEAD", "/v1/faces/ada.png", Match.NONE),
        ("GET", "/v1/faces/ada", Match.NONE),
        ("GET", "/v1/faces/ada.gif", Match.NONE),
        ("GET", "/v1/faces/ada/to/bob.webp", Match.NONE),
        ("GET", "/v1/sheets.png", Match.NONE),
    ],
)
def test_it_takes_plain_faces_and_nothing_else(method: str, path: str, match: Match) -> None:
    assert ShortFace().matches({"type": "http", "method": method, "path": path})[0] is match


def test_it_says_what_the_route_says(client: TestClient) -> None:
    short, long = client.get("/v1/faces/short.png?size=96"), client.head("/v1/faces/short.png?size=96")
    assert short.status_code == long.status_code == 200
    own = {"x-request-id"}
    assert {k: v for k, v in short.headers.items() if k not in own} == {
        k: v for k, v in long.headers.items() if k not in own
    }
    counted = [line for line in client.get("/metrics").text.splitlines() if 'route="/v1/faces/{name:path}"' in line]
    assert any('method="GET"' in line for line in counted)
