"""The tag in a real browser, on a page of another origin than its pictures, under a strict policy."""

import contextlib
import gzip
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.drawing import identicon
from models import images
from tests import browser as chromium

SCRIPT = Path(__file__).parents[3] / "app" / "web" / "embed.js"
POLICY = "default-src 'none'; script-src http: 'nonce-test'; img-src http:; style-src 'nonce-test'"
SHIFT = """
new PerformanceObserver((list) => { for (const entry of list.getEntries()) globalThis.shift += entry.value; })
  .observe({ type: "layout-shift", buffered: true });
globalThis.shift = 0;
"""


@dataclass
class Site:
    """One origin: pages, the script, and a picture for every face. It remembers which faces it was asked for."""

    pages: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refusals: int = 0
    url: str = ""

    def page(self, body: str, *, head: str = "") -> str:
        """Add a page; its address."""
        path = f"/page{len(self.pages)}"
        self.pages[path] = f"<!doctype html><meta charset=utf-8><script nonce=test>{SHIFT}</script>{head}{body}"
        return self.url + path

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        address = urlsplit(request.path)
        status, kind, body = 200, "text/html", b""
        if address.path == "/embed.js":
            kind, body = "text/javascript", SCRIPT.read_bytes()
        elif address.path.startswith("/v1/faces/"):
            self.asked.append(request.path)
            self.refusals -= 1
            size = int(parse_qs(address.query).get("size", ["64"])[0])
            raster = identicon.draw("wavatar", address.path, size=size)
            kind = "image/webp"
            body = images.encode(raster.pixels, width=size, height=size, channels=3, format="webp")
            if self.refusals >= 0:
                status, kind, body = 503, "application/problem+json", b"{}"
        else:
            body = self.pages.get(address.path, "").encode()
            status = 200 if body else 204  # the browser asks for a favicon, and would log a 404
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Access-Control-Allow-Origin", "*")
        if kind == "text/html":
            request.send_header("Content-Security-Policy", POLICY)
        request.end_headers()
        request.wfile.write(body)


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield site
        server.shutdown()


@pytest.fixture
def service() -> Iterator[Site]:
    with serving(Site()) as site:
        yield site


@pytest.fixture
def elsewhere() -> Iterator[Site]:
    with serving(Site()) as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_page(viewport={"width": 800, "height": 600}) as page:
        page.set_default_timeout(10_000)
        yield page


def test_the_script_is_small() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes(), 9)) < 4000


@pytest.mark.browser
def test_faces_load_on_another_origin_without_an_error_or_a_shift(service: Site, elsewhere: Site, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    faces = "".join(f"<likeness-face seed=s{n} size=40 alt='Face {n}'>?</likeness-face>" for n in range(20))
    look = "<style nonce=test>likeness-face:not(:defined) { display: inline-block; width: 40px; height: 40px }</style>"
    script = f"<script type=module src='{service.url}/embed.js'></script>"

    page.goto(elsewhere.page(f"<p>{faces}</p><p>Text below</p>", head=look + script))
    expect(page.locator("likeness-face:state(loaded)")).to_have_count(20)

    assert said == []
    assert page.evaluate("shift") == 0
    assert len(service.asked) == 20
    assert all("size=40" in path for path in service.asked)
    assert page.get_by_role("img", name="Face 7", exact=True).bounding_box() is not None


@pytest.mark.browser
def test_a_dense_screen_gets_twice_the_pixels(service: Site, browser: Browser) -> None:
    with browser.new_page(device_scale_factor=2) as page:
        page.goto(
            service.page("<script type=module src=/embed.js></script><likeness-face seed=ada size=48></likeness-face>")
        )
        page.wait_for_selector("likeness-face:state(loaded)")

    assert service.asked == ["/v1/faces/ada.webp?size=96"]


@pytest.mark.browser
def test_what_is_between_the_tags_stays_until_a_busy_service_answers(service: Site, page: Page) -> None:
    service.refusals = 1
    page.goto(
        service.page("<script type=module src=/embed.js></script><likeness-face seed=ada><b>AL</b></likeness-face>")
    )
    page.wait_for_timeout(500)
    assert len(service.asked) == 1

    assert page.locator("b").is_visible()
    assert page.locator("likeness-face img").evaluate("image => getComputedStyle(image).opacity") == "0"

    page.wait_for_selector("likeness-face:state(loaded)")
    assert not page.locator("b").is_visible()
    assert len(service.asked) == 2


@pytest.mark.browser
def test_properties_mirror_attributes_and_one_change_asks_once(service: Site, page: Page) -> None:
    page.goto(service.page("<script type=module src=/embed.js></script><likeness-face id=face></likeness-face>"))
    page.wait_for_function("customElements.get('likeness-face') !== undefined")

    page.evaluate("Object.assign(face, { seed: 'Ada & Bob/ü', size: 32, edits: { smile: 1.5, age: -1 }, grey: true })")
    page.wait_for_selector("likeness-face:state(loaded)")

    assert service.asked == ["/v1/faces/Ada%20%26%20Bob%2F%C3%BC.webp?size=32&edits=smile%3A1.5%2Cage%3A-1&grey=true"]
    assert page.evaluate("[face.getAttribute('size'), face.size, face.edits]") == ["32", 32, "smile:1.5,age:-1"]
    assert page.evaluate("(face.grey = false, face.hasAttribute('grey'))") is False


@pytest.mark.browser
def test_a_face_whose_seed_is_taken_away_gives_its_place_back(service: Site, page: Page) -> None:
    page.goto(
        service.page("<script type=module src=/embed.js></script><likeness-face seed=ada><b>AL</b></likeness-face>")
    )
    page.wait_for_selector("likeness-face:state(loaded)")

    page.locator("likeness-face").evaluate("face => face.removeAttribute('seed')")

    page.locator("b").wait_for(state="visible")
    expect(page.locator("likeness-face:state(loaded)")).to_have_count(0)
    expect(page.locator("likeness-face img")).to_have_js_property("currentSrc", "")


@pytest.mark.browser
def test_a_face_far_below_is_fetched_when_it_comes_near(service: Site, page: Page) -> None:
    body = (
        "<script type=module src=/embed.js></script>" + "<p>text</p>" * 500 + "<likeness-face seed=low></likeness-face>"
    )
    page.goto(service.page(body))
    page.wait_for_function("customElements.get('likeness-face') !== undefined")
    page.wait_for_timeout(300)
    assert service.asked == []

    page.locator("likeness-face").scroll_into_view_if_needed()
    page.wait_for_selector("likeness-face:state(loaded)")
    assert len(service.asked) == 1


@pytest.mark.browser
def test_the_class_can_be_registered_under_another_name_and_twice(service: Site, page: Page) -> None:
    module = "import { define } from '/embed.js?define=no'; define('my-face'); define('my-face'); globalThis.done = 1;"
    page.goto(service.page(f"<script nonce=test type=module>{module}</script><my-face seed=ada></my-face>"))
    page.wait_for_selector("my-face:state(loaded)")

    assert page.evaluate("[done, customElements.get('likeness-face') === undefined]") == [1, True]
