"""Plots of figures: what is drawn, what the pointer reads, and the table for those who see no lines."""

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.service]

SHOW = """
async (series) => {
  await import("/web/plot/plot.js");
  const plot = document.createElement("likeness-plot");
  document.querySelector("main").replaceChildren(plot);
  plot.show("Loss", series);
}
"""
HALVING = [[1000 * step, 2.0**-step] for step in range(1, 9)]


def show(page: Page, **lines: list[list[float]]) -> None:
    page.goto("/train")
    page.evaluate(SHOW, [{"name": name, "points": points} for name, points in lines.items()])
    expect(page.locator("likeness-plot path.line").first).to_be_visible()


def test_lines_have_round_numbers_at_their_axes_and_are_read_out(page: Page) -> None:
    show(page, loss=HALVING, test_loss=[[8000, 0.25]])
    plot = page.locator("likeness-plot")
    expect(plot.get_by_role("img")).to_have_attribute(
        "aria-label", "Loss after 8,000 pictures: loss 0.003906, test loss 0.25"
    )
    assert {"0", "0.2", "0.4"} <= set(plot.locator("svg .row text").all_text_contents())
    assert "8,000" in plot.locator("svg .column").all_text_contents()
    assert plot.locator("circle").count() == 1, "a figure that was measured once is a point"


def test_an_axis_has_one_unit(page: Page) -> None:
    show(page, loss=[[4000 * step, 1 / step] for step in range(1, 6)])
    columns = page.locator("likeness-plot svg .column").all_text_contents()
    assert {"0", "4 k", "20 k"} <= set(columns), columns


def test_the_pointer_reads_the_nearest_moment(page: Page) -> None:
    show(page, loss=HALVING)
    box = page.locator("likeness-plot svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 16, box["y"] + 60)
    expect(page.locator(".readout.shown")).to_have_text(re.compile(r"8,000 pictures.*loss 0\.003906"))
    page.mouse.move(0, 0)
    expect(page.locator(".readout.shown")).to_have_count(0)


def test_a_log_scale_is_offered_where_every_figure_has_a_logarithm(page: Page) -> None:
    show(page, loss=HALVING)
    button = page.get_by_role("button", name="Log scale")
    before = page.locator("path.line").get_attribute("d")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("path.line")).not_to_have_attribute("d", before or "")
    page.evaluate(
        "document.querySelector('likeness-plot').show('Margin', [{ name: 'margin', points: [[0, -1], [9, 2]] }])"
    )
    expect(button).to_be_hidden()


def test_the_same_figures_stand_in_a_table(page: Page) -> None:
    show(page, loss=HALVING, test_loss=[[8000, 0.25]])
    page.get_by_text("As a table").click()
    rows = page.locator("likeness-plot tbody tr")
    expect(rows).to_have_count(8)
    expect(rows.last.locator("th, td")).to_have_text(["8,000", "0.003906", "0.25"])
    expect(rows.first.locator("th, td")).to_have_text(["1,000", "0.5", ""])


def test_ten_thousand_figures_are_drawn_with_their_peaks(page: Page) -> None:
    points = [[float(step), 5.0 if step == 4321 else 1.0] for step in range(10_000)]
    show(page, loss=points)
    drawn = page.locator("path.line").get_attribute("d") or ""
    assert drawn.count("L") < 1500
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", drawn)]
    assert max(heights) - min(heights) > 150, "the one peak is seen"
