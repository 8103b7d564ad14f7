"""A real Chromium for tests of pages. Without one they skip, and say so."""

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

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
