"""What all pages have in common, and what they let in."""

import re

import pytest
from fastapi.testclient import TestClient

from app.pages import PAGES, WEB

HEADER = re.compile(r"<a class=\"skip\".*?</noscript>", re.DOTALL)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_lets_nothing_in_from_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! type=\"module\" src=\"/web/)|\son\w+=|\sstyle=|https?://", answer.text)


def test_all_pages_have_one_header_that_marks_the_page() -> None:
    headers = set()
    for path, file in PAGES.items():
        found = HEADER.search((WEB / file).read_text(encoding="utf-8"))
        assert found is not None, file
        assert found[0].count('aria-current="page"') == 1
        assert f'href="{path}" aria-current="page"' in found[0]
        headers.add(found[0].replace(' aria-current="page"', ""))
    assert len(headers) == 1


@pytest.mark.parametrize("name", ["shell/styles.css", "shell/shell.js", "icon.svg"])
def test_files_of_the_pages_are_served_and_asked_for_anew(client: TestClient, name: str) -> None:
    answer = client.get(f"/web/{name}")
    assert answer.content == (WEB / name).read_bytes()
    again = client.get(f"/web/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (answer.headers["cache-control"], again.status_code) == ("no-cache", 304)


def test_nothing_beside_the_pages_is_served(client: TestClient) -> None:
    assert client.get("/web/../main.py").status_code == 404
