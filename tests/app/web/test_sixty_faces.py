"""Sixty faces of the real service on a page of another origin: as pictures, as tags and in frames."""

import functools
import html
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests import browser as chromium
from tests.running import Service

pytestmark = [pytest.mark.browser, pytest.mark.service]

SEEDS = ("mei", "jonas", "amara", "olga", "kofi", "freya", "ravi", "zainab", "lars", "ines")
SIZE = 96
TITLES = {
    "picture": "<code>&lt;img&gt;</code>, round",
    "tag": "<code>&lt;likeness-face&gt;</code>",
    "frame": "<code>&lt;iframe&gt;</code>, grey",
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A page on another origin</title>
<link rel="icon" href="data:,">
<script>
  let moved = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) moved += entry.value; })
    .observe({ type: "layout-shift", buffered: true });
</script>
<script type="module" src="SERVICE/embed.js"></script>
<style>
  body { max-width: 1140px; margin: 1.5rem auto; color: #1f2430; background: #f5f7f9; font: 16px/1.5 sans-serif; }
  h1 { font-size: 2.2rem; margin: 0; }
  h2 { font-size: 1.1rem; margin: 1.1rem 0 .5rem; }
  code { padding: .1rem .35rem; border-radius: 5px; background: #e6eaef; }
  .faces { display: grid; grid-template-columns: repeat(10, 96px); gap: 10px 20px; }
  .faces iframe { border: 0; }
  likeness-face:not(:defined) { display: inline-block; width: 96px; height: 96px; }
</style>
<h1>A page on another origin</h1>
BODY
<p>The second rows are the same people with <code>edits=EDITS</code>. This line never moves.</p>
</html>
"""


@pytest.fixture(scope="module")
def edits(service: Service) -> str:
    """An edit that the bundled generator knows."""
    model = httpx.get(f"{service.base_url}/v1/models/faces", timeout=60, trust_env=False).json()
    known = model["versions"][0]["directions"]
    return f"{'age' if 'age' in known else known[0]}:2.5"


@pytest.fixture
def site(tmp_path: Path, service: Service, edits: str) -> Iterator[str]:
    """The address of the page, on an origin of its own."""
    parts = []
    for kind, title in TITLES.items():
        faces = [face(kind, service.base_url, seed, edited) for edited in ("", edits) for seed in SEEDS]
        parts.append(f'<h2>{title}</h2><div class="faces">{"".join(faces)}</div>')
    text = PAGE.replace("SERVICE", service.base_url).replace("BODY", "".join(parts)).replace("EDITS", edits)
    (tmp_path / "index.html").write_text(text)
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def face(kind: str, base: str, seed: str, edits: str) -> str:
    """One face as a page would have it."""
    query = f"&edits={edits}" if edits else ""
    match kind:
        case "picture":
            address = html.escape(f"{base}/v1/faces/{seed}.webp?size={SIZE}&radius=50{query}")
            return f'<img src="{address}" width="{SIZE}" height="{SIZE}" alt="{seed}">'
        case "tag":
            return (
                f'<likeness-face seed="{seed}" size="{SIZE}" radius="18" edits="{edits}" alt="{seed}"></likeness-face>'
            )
        case _:
            address = html.escape(f"{base}/embed/{seed}?size={SIZE}&radius=50&grey=true{query}")
            return f'<iframe src="{address}" width="{SIZE}" height="{SIZE}" title="{seed}"></iframe>'


def test_every_face_comes_and_nothing_moves(browser: Browser, site: str, keep: chromium.Keep) -> None:
    said: list[str] = []
    with browser.new_page(viewport={"width": 1360, "height": 900}) as page:
        page.set_default_timeout(chromium.PATIENCE_MS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(site)
        expect(page.locator("likeness-face:state(loaded)")).to_have_count(20, timeout=chromium.PATIENCE_MS)
        page.wait_for_load_state("networkidle")
        pictures = page.evaluate("[...document.images].map(({ naturalWidth }) => naturalWidth)")
        framed: list[Any] = [frame.evaluate("document.images[0].naturalWidth") for frame in page.frames[1:]]
        moved = page.evaluate("moved")
        keep(page, "embedding-light-1360")
    assert (pictures, framed) == ([SIZE] * 20, [SIZE] * 20)
    assert moved == 0
    assert said == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
