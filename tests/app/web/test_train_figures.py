"""What the events of a training become on its page, fed by hand: figures of a run that went back, and findings."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.service]

ADD = """
async ([module, builder, events]) => {
  const part = (await import(`/web/${module}.js`))[builder]();
  document.querySelector("main").replaceChildren(part.element);
  for (const event of events) part.add(event);
}
"""


def add(page: Page, module: str, builder: str, *events: dict[str, Any]) -> None:
    page.goto("/docs")
    page.evaluate(ADD, [module, builder, events])


def test_figures_of_a_run_that_went_back_are_those_of_its_second_way(page: Page) -> None:
    first = [{"images": images, "at": "2026-01-01T00:00:00Z", "loss": images / 100} for images in (100, 200, 300)]
    second = {"images": 200, "at": "2026-01-01T00:01:00Z", "loss": 7.0, "test_count": 60.0, "test_accuracy": None}
    add(page, "train/figures", "buildFigures", *first, second)
    page.get_by_text("As a table").click()
    expect(page.locator("tbody tr")).to_have_text(["1001", "2007"])
    expect(page.locator("likeness-plot")).to_have_count(1)


def test_figures_stand_in_the_plot_of_their_kind(page: Page) -> None:
    told = {"loss_judges": 0.3, "loss_pixels": 1.4, "margin_pixels": -1.0, "penalty": 0.1, "validation_accuracy": 0.5}
    add(page, "train/figures", "buildFigures", {"images": 100, "at": "2026-01-01T00:00:00Z", **told})
    expect(page.locator("likeness-plot h3")).to_have_text(["Loss", "Accuracy", "Margin", "Other figures"])
    expect(page.locator("likeness-plot").first.locator(".legend li")).to_have_text(["loss judges", "loss pixels"])


def test_a_finding_tells_its_figure_its_limit_and_what_helps_once(page: Page) -> None:
    found = {"code": "collapse", "threshold": 0.55, "suggestion": "Raise penalty."}
    add(
        page,
        "train/findings",
        "buildFindings",
        {**found, "images": 30_000, "value": 0.51},
        {**found, "images": 40_000, "value": 0.412345},
    )
    expect(page.get_by_label("Health").get_by_role("listitem")).to_have_text(
        ["collapse 0.4123, limit 0.55, after 40,000 pictures. Raise penalty."]
    )
