"""The snippets of docs/embedding.md, as pasted: in a browser on another origin, and run by Python."""

import functools
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image

from app.access import keys, signing
from app.contract.settings import Settings
from app.main import create_app
from tests import browser as chromium
from tests.app import serving
from tests.running import running_redis

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "embedding.md"
README = ROOT / "README.md"
SHOWN = "http://127.0.0.1:8000"


def snippets(language: str, page: Path = PAGE) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, short_dir: Path) -> Iterator[str]:
    """A service that draws."""
    socket = short_dir / "embedding.sock"
    with running_redis(socket):
        settings = Settings(home=tmp_path_factory.mktemp("home"), redis_url=f"unix://{socket}")
        serving.publish(settings)
        with serving.working(settings), serving.listening(create_app(settings)) as url:
            yield url


@pytest.mark.browser
@pytest.mark.parametrize(
    ("source", "widths", "framed"), [(PAGE, [96, 96], [96]), (README, [128], [])], ids=["docs", "readme"]
)
def test_the_html_shows_faces_on_a_page_of_another_origin(
    address: str, tmp_path: Path, source: Path, widths: list[int], framed: list[int]
) -> None:
    parts = [snippet.replace(SHOWN, address) for snippet in snippets("html", source)]
    (tmp_path / "index.html").write_text(
        "<!doctype html><meta charset=utf-8><link rel=icon href=data:,>" + "".join(parts)
    )
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    said: list[str] = []

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as site, chromium.running() as browser:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://localhost:{site.server_port}/")
        page.wait_for_selector("likeness-face:state(loaded)")
        page.wait_for_load_state("networkidle")
        pictures = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        in_frames = [frame.evaluate("document.images[0].naturalWidth") for frame in page.frames[1:]]
        site.shutdown()

    assert said == []
    assert pictures == widths
    assert in_frames == framed


def test_the_python_snippet_writes_a_face(address: str, tmp_path: Path) -> None:
    program = next(snippet for snippet in snippets("python") if "urlopen" in snippet).replace(SHOWN, address)

    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=tmp_path, check=True)

    with Image.open(tmp_path / "ada.png") as image:
        assert image.size == (256, 256)
        assert image.getpixel((0, 0)) == tuple(serving.colour("ada"))


def test_the_python_snippet_signs_as_the_service_checks() -> None:
    program = next(snippet for snippet in snippets("python") if "hmac" in snippet)

    signed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

    parts = urlsplit(signed)
    pairs = parse_qsl(parts.query)
    grant = signing.claimed(pairs)
    assert grant == signing.Grant("admin")
    signing.check(parts.path, pairs, grant, key=keys.digest("the admin key"), origin=None, referer=None)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
