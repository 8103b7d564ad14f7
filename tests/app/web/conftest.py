"""The pages of the real service in a real browser."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests import browser as chromium
from tests.running import Service

QUALITY = 82  # of WebP
SETTLED_MS = 1500
KEPT = ("light-1360", "dark-390")  # looks of which docs/ has pictures


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/app/web --screenshots docs/studio` takes the pictures of docs/studio.md anew."""
    parser.addoption("--screenshots", type=Path, help="folder for pictures of the pages")


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> chromium.Keep:
    """Keeps a picture of a page, whose name ends with a look, as in `faces-light-1360`."""
    folder = request.config.getoption("--screenshots", default=None)

    def keep(page: Page, name: str) -> None:
        if folder is None or not name.endswith(KEPT):
            return
        folder.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(SETTLED_MS)
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.convert("RGB").save(folder / f"{name}.webp", quality=QUALITY, method=6)

    return keep


# Not for the whole session: while Playwright's loop lives, no other test can run one of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium."""
    with chromium.running() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """A page of the service that all tests share. Nothing may go wrong in it."""
    with chromium.watched(browser, service.base_url) as page:
        yield page
