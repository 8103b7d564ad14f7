import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from tests.app import serving


def test_any_page_may_load_the_script(client: TestClient) -> None:
    answer = client.get("/embed.js", headers={"Origin": "https://example.org"})

    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "likeness-face" in answer.text


def test_a_page_that_has_the_script_is_told_so(client: TestClient) -> None:
    tag = client.get("/embed.js").headers["etag"]

    again = client.get("/embed.js", headers={"If-None-Match": tag})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["access-control-allow-origin"] == "*"
    assert client.get("/embed.js", headers={"If-None-Match": '"another"'}).status_code == 200


def test_any_page_may_frame_a_face_and_nothing_in_it_runs(client: TestClient) -> None:
    answer = client.get("/embed/ada?size=64&radius=50")

    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors *" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy + answer.text


@pytest.mark.parametrize("seed", ["a%2Fb%3F", "x%2Fto%2Fy"])
def test_the_framed_picture_is_the_face(client: TestClient, seed: str) -> None:
    page = client.get(f"/embed/{seed}?size=64&edits=smile:1.5").text

    picture = re.search('img src="([^"]+)" width="64" height="64"', page)
    assert picture is not None
    direct = client.get(f"/v1/faces/{seed}.webp?size=64&edits=smile:1.5")
    assert direct.status_code == 200
    assert client.get(unescape(picture[1])).content == direct.content


def test_what_strangers_write_stays_text(client: TestClient) -> None:
    evil = '"><script>alert(1)</script>'
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)  # type: ignore[method-assign]

    parser.feed(client.get(f"/embed/{quote(evil, safe='')}?alt={quote(evil)}").text)

    assert tags == ["html", "meta", "meta", "meta", "title", "link", "link", "img"]


@pytest.mark.parametrize("address", ["/embed/ada?sise=1", "/embed/random", "/embed/" + "x" * 300])
def test_a_bad_frame_is_refused(client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 422


def test_a_face_is_a_photo(client: TestClient) -> None:
    url = quote("http://localhost/v1/faces/ada%20l.png?radius=50&size=256", safe="")

    told = client.get(f"/oembed?url={url}&maxwidth=64").json()

    assert told == {
        "version": "1.0",
        "type": "photo",
        "title": "ada l",
        "provider_name": "Likeness",
        "provider_url": "http://localhost",
        "cache_age": 300,
        "width": 64,
        "height": 64,
        "url": "http://localhost/v1/faces/ada%20l.png?radius=50&size=64",
    }
    assert client.get(told["url"]).status_code == 200


def test_a_framed_page_is_rich_and_has_the_networks_size(client: TestClient) -> None:
    told = client.get("/oembed?url=http://localhost/embed/ada").json()

    assert (told["type"], told["width"]) == ("rich", serving.FACE)
    frame = re.search('iframe src="([^"]+)"', told["html"])
    assert frame is not None
    assert client.get(unescape(frame[1])).status_code == 200


def test_the_page_says_where_its_oembed_is(client: TestClient) -> None:
    page = client.get("/embed/ada?size=32").text

    link = re.search(r'json\+oembed" href="([^"]+)"', page)
    assert link is not None
    assert client.get(unescape(link[1])).json()["width"] == 32


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("url=http://elsewhere/v1/faces/ada.png", 404),
        ("url=http://localhost/v1/models", 404),
        ("url=//[", 404),
        ("url=http://localhost/v1/faces/ada.png%3Fsise%3D1", 422),
        ("url=http://localhost/v1/faces/ada.png&format=xml", 406),
        ("url=http://localhost/v1/faces/ada.png&maxwidth=0", 422),
        ("", 422),
    ],
)
def test_a_bad_oembed_request_is_refused(client: TestClient, query: str, status: int) -> None:
    assert client.get(f"/oembed?{query}").status_code == status
