"""How soon the studio's first page shows something, and how soon a slider that moves shows a new face, in Chromium.

    python -m benchmarks.studio [--moves 60] [--url http://127.0.0.1:8000]

The service runs as `likeness up` starts it, in a temporary home, unless an address names one that runs. First paint is
the browser's own figure (`first-contentful-paint`), with nothing in its cache, after one visit that warms the service.
A move is one input event of a slider, at a value that nobody has asked for; it ends when the new picture is loaded.
"""

import argparse
import contextlib
import os
import platform
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page

from app.contract import cores
from tests import browser as chromium
from tests.running import running_service

VISITS = 5

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"

# Resolves to milliseconds.
MOVE = """async ([name, value]) => {
    const slider = document.getElementById(name), picture = document.getElementById("portrait");
    const loaded = new Promise((done) => picture.addEventListener("load", done, { once: true }));
    const began = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await loaded;
    return performance.now() - began;
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=60, help="moves of the slider")
    parser.add_argument("--url", help="address of a service that runs")
    options = parser.parse_args()
    with _service(options.url) as address, chromium.running() as browser:
        load = os.getloadavg()[0]
        print(f"{platform.machine()}, {cores.available()} cores, load {load:.1f}, Chromium {browser.version}")
        first_paints(browser, address)
        moves(browser, address, count=options.moves)


def first_paints(browser: Browser, address: str) -> None:
    """Print the first paints of visits with an empty cache."""
    _visit(browser, address)
    found = sorted(_visit(browser, address) for _ in range(VISITS))
    print(f"first paint         median {statistics.median(found):4.0f} ms, worst {found[-1]:4.0f} ms of {VISITS}")


def moves(browser: Browser, address: str, *, count: int) -> None:
    """Print how long a new picture takes."""
    page = browser.new_page()
    page.goto(address)
    _drawn(page)
    page.locator(".slider input").nth(1).wait_for()
    name = page.locator(".slider input").nth(1).get_attribute("id")
    # Steps finer than the slider's own, so that no value comes twice.
    page.locator(".slider input").nth(1).evaluate("slider => { slider.step = 'any'; }")
    found = sorted(page.evaluate(MOVE, [name, 2.9 * (move + 1) / count]) for move in range(count))
    page.close()
    p50, p95 = found[len(found) // 2], found[int(len(found) * 0.95)]
    print(f"slider to picture   p50 {p50:4.0f} ms, p95 {p95:4.0f} ms of {count} moves")


def _visit(browser: Browser, address: str) -> float:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    _drawn(page)
    painted = float(page.evaluate(PAINTED))
    context.close()
    return painted


def _drawn(page: Page) -> None:
    page.locator("#portrait[alt*=freya]:not(.waiting)").wait_for()


@contextlib.contextmanager
def _service(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="likeness-") as home, running_service(Path(home)) as service:
        yield service.base_url


if __name__ == "__main__":
    main()
