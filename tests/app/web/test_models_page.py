"""The page of models: cards, versions side by side, promotion and roll-back, files out and in."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests import browser as chromium
from tests.running import Service

pytestmark = [pytest.mark.browser, pytest.mark.service]

CHECKPOINTS = Path(__file__).parents[3] / "models" / "checkpoints"
NAME = "page-pieces"


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.base_url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def versions(client: httpx.Client) -> list[str]:
    """The versions of a model that has two, oldest first; the older one is in production."""
    for file in ("clothing-gan", "faces"):
        data = (CHECKPOINTS / f"{file}.safetensors").read_bytes()
        body: dict[str, Any] = {"data": {"name": NAME, "card": CARD}, "files": {"file": (f"{file}.safetensors", data)}}
        client.post("/v1/models", **body).raise_for_status()
    found = [version["version"] for version in client.get(f"/v1/models/{NAME}").json()["versions"]][::-1]
    client.put(f"/v1/models/{NAME}/aliases/production", json={"version": found[0]}).raise_for_status()
    return found


CARD = """# page-pieces

Draws **pieces** of `clothing`,
and [more](https://example.com/more). <script>alert(1)</script> [no](javascript:alert(1))

<!-- figures -->
| figure | value |
|---|---|
| size | 28 |
<!-- end of figures -->

- one
- two

```sh
curl --fail

exit
```
"""


def version(page: Page, name: str) -> Any:
    """The part of the page about one version."""
    return page.locator(f"[data-version='{name}']")


def test_models_are_cards_that_show_what_they_do(page: Page) -> None:
    page.goto("/models")
    clothing = page.get_by_role("article").filter(has=page.get_by_role("link", name="clothing", exact=True))
    expect(clothing).to_contain_text("Ankle boot")
    faces = page.get_by_role("article").filter(has=page.get_by_role("link", name="faces", exact=True))
    expect(faces.locator("img").last).to_have_js_property("naturalWidth", 96)
    page.get_by_role("link", name="faces", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("faces")
    expect(page.get_by_label("Card", exact=True)).to_contain_text("Draws pictures of faces")


def test_an_older_version_is_compared_and_rolled_back_to(page: Page, versions: list[str]) -> None:
    older, newer = versions
    page.goto(f"/models?model={NAME}")
    expect(version(page, older).get_by_text("production", exact=True)).to_be_visible()
    left, right = page.locator(".trial-faces").all()
    expect(left.locator("img").first).to_have_js_property("naturalWidth", 160)
    expect(right.locator("img").first).to_have_js_property("naturalWidth", 160)
    assert left.locator("img").first.get_attribute("alt") == right.locator("img").first.get_attribute("alt") == "ada"

    version(page, newer).get_by_role("button", name="Put into production").click()
    expect(version(page, newer).get_by_text("production", exact=True)).to_be_visible()
    version(page, older).get_by_role("button", name="Roll back to it").click()
    expect(version(page, older).get_by_text("production", exact=True)).to_be_visible()


def test_a_version_in_use_is_not_removed_and_says_why(browser: Browser, service: Service, versions: list[str]) -> None:
    with chromium.watched(browser, service.base_url, refusals=True) as page:
        page.goto(f"/models?model={NAME}")
        mine = version(page, versions[0])
        mine.get_by_role("button", name="Remove", exact=True).click()
        sure = page.get_by_role("dialog")
        sure.get_by_role("button", name="Remove").click()
        expect(sure.get_by_role("alert")).to_contain_text("production")
        sure.get_by_role("button", name="Cancel").click()
        expect(mine).to_be_visible()


def test_files_come_out_and_go_in_again(page: Page) -> None:
    page.goto("/models?model=clothing-gan")
    with page.expect_download() as download:
        page.get_by_role("button", name="safetensors").click()
    file = download.value
    assert re.fullmatch(r"clothing-gan-[0-9a-f]{12}\.safetensors", file.suggested_filename)
    data = file.path().read_bytes()
    assert hashlib.sha256(data).hexdigest().startswith(file.suggested_filename[-24:-12])

    page.goto("/models")
    page.locator("input[type=file]").set_input_files(
        [{"name": file.suggested_filename, "mimeType": "application/octet-stream", "buffer": data}]
    )
    name = page.get_by_label("Name of the model")
    expect(name).to_have_value("clothing-gan")
    name.fill("page-brought")
    page.get_by_label("Card, in Markdown").fill("Brought from **elsewhere**.")
    page.get_by_role("button", name="Import").click()
    expect(page).to_have_url(re.compile(r"\?model=page-brought$"))
    expect(page.get_by_text("imported")).to_be_visible()
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page).to_have_url(re.compile(r"/models$"))


def test_a_card_is_text_with_a_few_marks_and_nothing_that_runs(page: Page, versions: list[str]) -> None:
    page.goto(f"/models?model={NAME}")
    card = page.get_by_label("Card", exact=True)
    expect(card.locator("strong")).to_have_text("pieces")
    expect(card.locator("p").first).to_contain_text("Draws pieces of clothing, and more. <script>alert(1)</script>")
    expect(card.locator("a")).to_have_count(1)
    expect(card.locator("tbody tr")).to_have_text("size28")
    expect(card).not_to_contain_text("figures")
    expect(card.locator("li")).to_have_text(["one", "two"])
    expect(card.locator("pre")).to_have_text("curl --fail\n\nexit")
    expect(card.get_by_role("heading")).to_have_count(0)


def test_who_comes_back_from_an_import_can_import_another(browser: Browser, service: Service) -> None:
    with chromium.remembering(browser) as other, chromium.watched(other, service.base_url) as page:
        page.goto("/models")
        page.evaluate("window.kept = true")
        file = {"name": "faces.safetensors", "mimeType": "application/octet-stream", "buffer": b"weights"}
        page.get_by_label("Drop a checkpoint").set_input_files([file])
        page.route("**/v1/models", lambda route: route.fulfill(json={"id": "faces"}))
        page.get_by_role("button", name="Import").click()
        page.wait_for_url("**/models?model=faces")
        page.evaluate("history.back()")
        page.wait_for_function("window.kept")
        expect(page.get_by_role("button", name="Import")).to_be_enabled()


@pytest.mark.parametrize(("scheme", "size"), chromium.LOOKS)
def test_everyone_can_use_it(
    browser: Browser, service: Service, keep: chromium.Keep, scheme: str, size: tuple[int, int]
) -> None:
    with chromium.looking(browser, service.base_url, scheme, size) as page:
        page.goto("/models")
        expect(page.locator(".strip img").first).to_have_js_property("naturalWidth", 96)
        keep(page, f"models-{scheme}-{size[0]}")
        chromium.everyone_can_use(page)
        page.goto("/models?model=faces")
        expect(page.locator(".trial-faces img").last).to_have_js_property("naturalWidth", 160)
        keep(page, f"model-{scheme}-{size[0]}")
        page.get_by_text("More about it").click()
        chromium.everyone_can_use(page)
