"""The pages of the real service in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests import browser as chromium
from tests.running import Service


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
