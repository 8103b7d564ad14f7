"""The theme: the system's, or the one that somebody chose by hand."""

from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.service]

LIGHT, DARK = "rgb(245, 241, 234)", "rgb(19, 18, 16)"


def ground(page: Page) -> Any:
    """The colour behind everything."""
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def bar(page: Page) -> Any:
    """The colour that the browser's own bar takes."""
    colours = "[...document.querySelectorAll('meta[name=theme-color]')]"
    return page.evaluate(
        f"{colours}.filter(({{ media }}) => matchMedia(media).matches).map(({{ content }}) => content)"
    )


@pytest.mark.parametrize(("scheme", "first", "other"), [("light", LIGHT, DARK), ("dark", DARK, LIGHT)])
def test_the_other_theme_is_chosen_for_all_pages_until_it_is_chosen_back(
    page: Page, scheme: Any, first: str, other: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/keys")
    assert ground(page) == first
    page.get_by_role("button", name="Dark theme" if scheme == "light" else "Light theme").click()
    assert ground(page) == other

    page.goto("/docs")
    assert ground(page) == other
    assert bar(page) == ["#131210" if other == DARK else "#f5f1ea"]
    page.get_by_role("button", name="Light theme" if scheme == "light" else "Dark theme").click()
    assert ground(page) == first
    assert page.evaluate("localStorage.length") == 0, "it follows the system again"
