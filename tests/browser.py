"""A real Chromium for tests of pages. Without one they skip, and say so."""

import contextlib
import functools
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from app.pages import PAGES

LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in ((390, 844), (1360, 900))]
"""Themes and screens in which every page is looked at."""

PATIENCE_MS = 30_000

Keep = Callable[[Page, str], None]
"""Keeps a picture of a page under a name, where somebody wants pictures."""

FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"]


def find() -> str:
    """The path of the system's Chromium; skips the test when there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return path


@contextlib.contextmanager
def running() -> Iterator[Browser]:
    """Run a Chromium while the block runs."""
    path = find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def remembering(browser: Browser) -> Iterator[Browser]:
    """Run a Chromium of the same kind that keeps pages that are left, as everybody's does and as Playwright's does not.

    Playwright waits in vain for the load of a page that comes back: let the page go back by itself.
    """
    forgetting = ["--disable-back-forward-cache"]
    with browser.browser_type.launch(executable_path=find(), args=FLAGS, ignore_default_args=forgetting) as other:
        yield other


@contextlib.contextmanager
def watched(browser: Browser, address: str, *, refusals: bool = False, **options: Any) -> Iterator[Page]:
    """A page of the service at `address`, in whose block nothing may go wrong.

    It fails when the page writes an error, asks another origin, or calls what the service does not describe.

    Args:
        browser: shows it.
        address: where the service is.
        refusals: whether the test makes the service refuse something, which a browser writes down as an error.
        options: those of a browser context, such as `color_scheme`.
    """
    context = browser.new_context(**{"base_url": address, "viewport": {"width": 1360, "height": 900}, **options})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        refused = refusals and re.search(r"the server responded with a status of 4\d\d", message.text)
        if message.type in ("error", "warning") and not refused:
            wrong.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    calls: set[tuple[str, str]] = set()

    def asked(request: Request) -> None:
        if request.url.startswith(f"{address}/"):
            calls.add((request.method, urlsplit(request.url).path))
        elif not request.url.startswith(("blob:", "data:")):
            wrong.append(request.url)

    page.on("request", asked)
    try:
        yield page
    finally:
        context.close()
    assert wrong == []
    assert [call for call in calls if not _is_told(call, address)] == [], "not in /openapi.json"


def _is_told(call: tuple[str, str], address: str) -> bool:
    """Whether a call is to a page, one of its files, or an operation that the service describes."""
    method, path = call
    if path in PAGES or path.startswith(("/web/", "/embed.js", "/openapi.json")):
        return True
    return any(told == method and pattern.fullmatch(path) for told, pattern in _operations(address))


@functools.cache
def _operations(address: str) -> list[tuple[str, re.Pattern[str]]]:
    """Methods and addresses of all operations that the service at `address` describes."""
    paths = httpx.get(f"{address}/openapi.json", timeout=PATIENCE_MS / 1000).json()["paths"]
    return [
        (method.upper(), re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))))
        for path, operations in paths.items()
        for method in operations
    ]


@contextlib.contextmanager
def looking(
    browser: Browser, address: str, scheme: str, size: tuple[int, int], *, refusals: bool = False
) -> Iterator[Page]:
    """The same, in one of `LOOKS`. Nothing moves, because a picture of something half faded in looks like a fault."""
    screen = {"width": size[0], "height": size[1]}
    with watched(
        browser, address, refusals=refusals, color_scheme=scheme, viewport=screen, reduced_motion="reduce"
    ) as page:
        yield page


def everyone_can_use(page: Page) -> None:
    """Fail when the page is wider than the screen, or axe finds a fault."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    found = Axe().run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
