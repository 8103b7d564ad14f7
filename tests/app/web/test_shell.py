"""What all pages have in common, and what they let in."""

import re

import pytest
from fastapi.testclient import TestClient

from app.pages import PAGES, WEB, html


@pytest.mark.parametrize("path", PAGES)
def test_a_page_lets_nothing_in_from_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?! type=\"module\" src=\"/web/)|\son\w+=|\sstyle=|https?://", answer.text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_marks_itself_in_the_header_and_has_its_files(path: str) -> None:
    page = html(path)
    assert re.findall(r'<a href="([^"]+)" aria-current="page"', page) == [path]
    assert page.count("<main ") == 1
    files = re.findall(r'"/web/([^"]+)"', page)
    assert f"{PAGES[path].folder}/page.js" in files
    assert [file for file in files if not (WEB / file).is_file()] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_that_has_not_changed_is_not_sent_again(client: TestClient, path: str) -> None:
    tag = client.get(path).headers["etag"]
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize("name", ["shell/styles.css", "shell/shell.js", "icon.svg"])
def test_files_of_the_pages_are_served_and_asked_for_anew(client: TestClient, name: str) -> None:
    answer = client.get(f"/web/{name}")
    assert answer.content == (WEB / name).read_bytes()
    again = client.get(f"/web/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (answer.headers["cache-control"], again.status_code) == ("no-cache", 304)


def test_nothing_beside_the_pages_is_served(client: TestClient) -> None:
    assert client.get("/web/../main.py").status_code == 404


BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def test_an_address_that_no_page_has_is_a_page_to_a_browser(client: TestClient) -> None:
    answer = client.get("/trian", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "No page has this address." in answer.text
    assert 'aria-current="page"' not in answer.text
    files = re.findall(r'"/web/([^"]+)"', answer.text)
    assert [file for file in files if not (WEB / file).is_file()] == []


@pytest.mark.parametrize(("path", "accept"), [("/trian", "*/*"), ("/v1/faecs/ada.png", BROWSER)])
def test_it_is_a_problem_to_everybody_else(client: TestClient, path: str, accept: str) -> None:
    answer = client.get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_the_icon_is_where_browsers_look_for_it(client: TestClient) -> None:
    assert client.get("/favicon.ico").headers["content-type"].startswith("image/svg+xml")
