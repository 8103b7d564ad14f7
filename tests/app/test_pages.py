"""The pages in a real browser: they draw, classify and read out, under a policy that lets nothing in from elsewhere."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from app.contract.settings import Settings
from app.main import create_app
from tests import browser as chromium
from tests.app import serving

PAGES = ("/", "/docs")

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def address(settings: Settings, worker: serving.ProtocolWorker) -> Iterator[str]:
    with serving.listening(create_app(settings)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that fails the test when anything goes wrong in it, or anything is asked of another origin."""
    context = browser.new_context(base_url=address, viewport={"width": 1360, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request", lambda sent: wrong.append(sent.url) if not sent.url.startswith((address, "blob:", "data:")) else None
    )
    yield page
    context.close()
    assert wrong == []


@pytest.mark.browser
def test_the_wall_fills_as_one_scrolls(page: Page) -> None:
    page.goto("/")
    tiles = page.locator(".wall button")
    expect(page.locator(".wall img.there").first).to_be_visible()
    before = tiles.count()
    page.mouse.wheel(0, 20_000)
    expect(tiles.nth(before)).to_be_attached()
    expect(page.locator(".wall img.there").nth(60)).to_be_attached()


@pytest.mark.browser
def test_a_text_is_a_face_with_a_tag_to_copy(page: Page) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="Seed").fill("grace & co")
    expect(page.locator("#portrait")).to_have_attribute("alt", re.compile("grace & co"))
    expect(page.locator("#snippet")).to_contain_text("/v1/faces/grace%20%26%20co.png")


@pytest.mark.browser
def test_a_face_of_the_wall_can_be_chosen_with_the_keys(page: Page) -> None:
    page.goto("/")
    first = page.locator(".wall button").first
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    seed = page.evaluate("document.activeElement.dataset.seed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Seed")).to_have_value(seed)
    expect(page.locator(f".wall button[data-seed='{seed}']")).to_have_attribute("aria-pressed", "true")


@pytest.mark.browser
def test_a_picture_that_is_given_gets_bars(page: Page) -> None:
    page.goto("/")
    page.locator("#file").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": serving.png(200)})
    expect(page.locator("#predictions li").first).to_contain_text("bright")
    expect(page.locator("#predictions li").first).to_contain_text("70.0 %")
    expect(page.locator("#heat")).to_be_visible()


@pytest.mark.browser
def test_a_picture_that_is_dropped_anywhere_is_taken(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".wall img.there").first).to_be_visible()
    page.evaluate(
        """(bytes) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(serving.png(1)),
    )
    expect(page.locator("#predictions li").first).to_contain_text("dark")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1360])
@pytest.mark.parametrize("path", PAGES)
def test_everyone_can_use_it(page: Page, path: str, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path)
    expect(page.locator("#portrait[alt*=ada]" if path == "/" else ".operation").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.browser
def test_the_interface_is_drawn_from_its_own_description(page: Page, client: TestClient) -> None:
    page.goto("/docs")
    described = sum(len(operations) for operations in client.get("/openapi.json").json()["paths"].values())
    expect(page.locator(".operation")).to_have_count(described)
    expect(page.locator("#generate")).to_contain_text("curl http://127.0.0.1")
