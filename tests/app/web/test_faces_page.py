"""The page of faces: what people do there, on the real service."""

import io
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import browser as chromium
from tests.running import Service

pytestmark = [pytest.mark.browser, pytest.mark.service]

TILES = ".wall button"
DRAWN = ".wall img.there"


@pytest.fixture(scope="module")
def directions(service: Service) -> list[str]:
    """The edits that the bundled generator knows."""
    found: list[str] = httpx.get(f"{service.base_url}/v1/models/faces", timeout=60).json()["versions"][0]["directions"]
    return found


def drawn(page: Page, text: str) -> None:
    """Wait until the large picture is that of `text`."""
    expect(page.locator("#portrait:not(.waiting)")).to_have_attribute("alt", re.compile(re.escape(text)))


def snippet(page: Page, name: str) -> str:
    """What is offered under a tab of "copy as"."""
    page.get_by_role("tab", name=name).click()
    return page.locator("#snippet").inner_text()


def test_the_wall_fills_as_one_scrolls(page: Page) -> None:
    page.goto("/")
    expect(page.locator(DRAWN).first).to_be_visible()
    before = page.locator(TILES).count()

    page.mouse.wheel(0, 20_000)

    expect(page.locator(TILES).nth(before)).to_be_attached()
    expect(page.locator(DRAWN).nth(60)).to_be_attached()


def test_a_text_is_a_face_and_the_address_says_which(page: Page) -> None:
    page.goto("/")
    page.get_by_role("textbox", name="Seed").fill("grace & co")
    drawn(page, "grace & co")
    expect(page).to_have_url(re.compile(r"/\?seed=grace\+%26\+co$"))
    expect(page).to_have_title("grace & co · Likeness")


def test_a_face_of_the_wall_can_be_chosen_with_the_keys(page: Page) -> None:
    page.goto("/")
    page.locator(TILES).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    seed = page.evaluate("document.activeElement.dataset.seed")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Seed")).to_have_value(seed)
    expect(page.locator(f"{TILES}[data-seed='{seed}']")).to_have_attribute("aria-pressed", "true")
    drawn(page, seed)


def test_a_slider_edits_the_face_and_one_step_back_undoes_it(page: Page, directions: list[str]) -> None:
    page.goto("/?seed=grace")
    drawn(page, "grace")
    edit, variety = page.locator(f"#edit-{directions[0]}"), page.get_by_role("slider", name="Variety")
    own = variety.input_value()

    with page.expect_response(re.compile(rf"/v1/faces/grace\.webp.*size=512.*edits={directions[0]}:1\.4")) as answer:
        for value in ("0.6", "1.1", "1.4"):
            edit.fill(value)
    assert answer.value.ok
    with page.expect_response(re.compile(r"/v1/faces/grace\.webp.*truncation=0\.55")):
        variety.fill("0.55")
    expect(page).to_have_url(re.compile(rf"/\?seed=grace&truncation=0\.55&edits={directions[0]}:1\.4$"))

    page.go_back()
    expect(variety).to_have_value(own)
    expect(edit).to_have_value("1.4")
    page.go_back()
    expect(edit).to_have_value("0")


def test_while_a_slider_is_dragged_pictures_keep_coming_and_the_address_rests(
    page: Page, directions: list[str]
) -> None:
    page.goto("/")
    drawn(page, "freya")
    box = page.locator(f"#edit-{directions[-1]}").bounding_box()
    assert box is not None
    drafts = []
    page.on("response", lambda answer: drafts.append(answer.url) if "size=256" in answer.url else None)

    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(1, 30):
        page.mouse.move(box["x"] + box["width"] * (0.5 + step / 100), box["y"] + box["height"] / 2)
    page.wait_for_timeout(400)
    dragged = page.url
    page.mouse.up()

    expect(page).to_have_url(re.compile(f"edits={directions[-1]}:1"))
    assert "edits" not in dragged
    assert len(drafts) >= 2


def test_a_view_is_what_its_address_says(page: Page, directions: list[str]) -> None:
    first, *_, last = directions
    page.goto(f"/?seed=grace&mix=bob&truncation=0.6&edits={first}:-1.2,{last}:2&size=128&format=png")
    drawn(page, "a mix of grace and bob")
    expect(page.get_by_role("textbox", name="Seed")).to_have_value("grace")
    expect(page.get_by_role("textbox", name="With")).to_have_value("bob")
    expect(page.get_by_role("radio", name="Mix of two")).to_be_checked()
    expect(page.locator(f"#edit-{first}")).to_have_value("-1.2")
    expect(page.locator("#snippet")).to_contain_text(
        f"/v1/faces/grace.png?size=128&amp;mix=bob&amp;truncation=0.6&amp;edits={first}:-1.2,{last}:2"
    )


def test_an_address_that_says_nonsense_shows_what_is_left_of_it(page: Page, directions: list[str]) -> None:
    first, *_, last = directions
    nonsense = f"size=9999&truncation=7&format=exe&frames=a&edits={first}:99,x,{last}:1"
    page.goto(f"/?seed=<img src=x onerror=alert(1)>&{nonsense}")
    drawn(page, "<img src=x onerror=alert(1)>")
    expect(page.locator(f"#edit-{first}")).to_have_value("0")
    expect(page.locator("#snippet")).to_contain_text(
        f"/v1/faces/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E.webp?size=256&amp;edits={last}:1"
    )


def test_what_the_generator_does_not_know_is_told_and_shows_no_face(browser: Browser, service: Service) -> None:
    with chromium.watched(browser, service.base_url, refusals=True) as page:
        page.goto("/?seed=ada&edits=wings:2")
        expect(page.get_by_text("edits names 'wings'")).to_be_visible()
        expect(page.locator("#portrait.waiting")).to_have_count(0)
        page.get_by_role("button", name="Reset sliders").click()
        drawn(page, "ada")
        expect(page.get_by_text("edits names 'wings'")).to_be_hidden()


def test_in_the_place_of_a_model_that_is_gone_another_can_be_chosen(browser: Browser, service: Service) -> None:
    with chromium.watched(browser, service.base_url, refusals=True) as page:
        page.goto("/?model=gone&seed=ada")
        page.get_by_label("Model").select_option("faces")
        drawn(page, "ada")


def test_two_faces_are_picked_and_one_walks_to_the_other(page: Page) -> None:
    page.goto("/")
    page.locator(TILES).nth(2).click()
    drawn(page, "kofi")
    page.get_by_role("radio", name="Walk to another").check()
    with page.expect_response(re.compile(r"/v1/faces/kofi/to/lars\.webp")) as answer:
        page.locator(TILES).nth(4).click()
    expect(page).to_have_url(re.compile(r"\?seed=kofi&to=lars$"))
    drawn(page, "turns from kofi into lars")
    walk = Image.open(io.BytesIO(page.request.get(answer.value.url).body()))
    assert getattr(walk, "n_frames", 1) == 24

    with page.expect_response(re.compile(r"/v1/faces/kofi\.webp")):
        page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_who_wants_less_motion_sees_a_walk_only_on_demand(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    walks: list[str] = []
    page.on("request", lambda sent: walks.append(sent.url) if "/to/" in sent.url else None)
    page.goto("/?seed=ada&to=mei")
    drawn(page, "turns from ada into mei")
    assert walks == []
    with page.expect_response(re.compile("/v1/faces/ada/to/mei.webp")):
        page.get_by_role("button", name="Play").click()


def test_more_faces_like_one_are_found(page: Page) -> None:
    page.goto("/?seed=ada")
    page.get_by_role("button", name="More like this").click()
    expect(page.get_by_role("heading", name="Like ada")).to_be_visible()
    expect(page.locator(TILES)).to_have_count(48)
    expect(page.locator(DRAWN).nth(10)).to_be_attached()
    expect(page).to_have_url(re.compile("like=ada"))
    page.get_by_role("button", name="Everybody").click()
    expect(page.locator(f"{TILES}[data-seed='noor']")).to_be_attached()


def test_a_face_is_downloaded_in_the_size_and_format_that_were_chosen(page: Page, tmp_path: Path) -> None:
    page.goto("/?seed=ada")
    page.get_by_label("Size").select_option("128 pixels")
    page.get_by_label("Format").select_option("AVIF")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "ada.avif"
    download.value.save_as(tmp_path / "ada.avif")
    with Image.open(tmp_path / "ada.avif") as face:
        assert (face.format, face.size) == ("AVIF", (128, 128))


def test_what_is_copied_makes_the_same_picture(page: Page, tmp_path: Path, directions: list[str]) -> None:
    page.goto(f"/?seed=o%27hara&truncation=0.8&edits={directions[0]}:1&format=png&size=128")
    drawn(page, "o'hara")
    command, program = snippet(page, "curl"), snippet(page, "Python")
    openai, image = snippet(page, "OpenAI client"), snippet(page, "Image")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == image
    address = re.search('src="([^"]+)"', image)
    assert address is not None
    wanted = page.request.get(address[1].replace("&amp;", "&")).body()

    for number, arguments in enumerate(
        (["bash", "-c", command], *([sys.executable, "-c", p] for p in (program, openai)))
    ):
        home = tmp_path / str(number)
        home.mkdir()
        subprocess.run(arguments, cwd=home, check=True, capture_output=True)
        assert (home / "face.png").read_bytes() == wanted, arguments


def test_the_tag_that_is_copied_shows_the_face(page: Page, directions: list[str]) -> None:
    page.goto(f"/?seed=grace&size=96&edits={directions[0]}:1")
    drawn(page, "grace")
    tag = snippet(page, "Web component").splitlines()[-1]
    page.evaluate("import('/embed.js')")
    page.evaluate("(tag) => document.body.insertAdjacentHTML('beforeend', tag)", tag)
    face = page.locator("likeness-face:state(loaded)")
    expect(face).to_be_attached()
    assert face.evaluate("face => face.address()").endswith(f"/v1/faces/grace.webp?size=96&edits={directions[0]}%3A1")


def test_another_generator_brings_its_own_classes_and_directions(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Model").select_option("clothing-gan")
    page.get_by_label("Class").select_option("Sneaker")
    expect(page).to_have_url(re.compile(r"\?model=clothing-gan&label=Sneaker$"))
    expect(page.get_by_role("slider")).to_have_count(1)
    expect(page.locator(DRAWN).first).to_be_visible()


@pytest.mark.parametrize("query", ["", "?seed=ada&to=mei"])
@pytest.mark.parametrize(("scheme", "size"), chromium.LOOKS)
def test_everyone_can_use_it(
    browser: Browser, service: Service, query: str, scheme: str, size: tuple[int, int], keep: chromium.Keep
) -> None:
    with chromium.looking(browser, service.base_url, scheme, size) as page:
        page.goto(f"/{query}")
        drawn(page, "ada" if query else "freya")
        expect(page.get_by_role("slider")).not_to_have_count(0)
        # On a small screen the wall begins far below, and is filled when it comes near.
        page.locator("#wall-title").scroll_into_view_if_needed()
        expect(page.locator(DRAWN).first).to_be_attached()
        page.evaluate("scrollTo(0, 0)")
        chromium.everyone_can_use(page)
        keep(page, f"{'walk' if query else 'faces'}-{scheme}-{size[0]}")
