"""The page /classify: pictures in, labels out, on the real service."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import browser as chromium
from tests.running import Service

pytestmark = [pytest.mark.browser, pytest.mark.service]

READING = "picture-reading"


def picture(grey: int, *, format: str = "PNG", side: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("L", (side, side), grey).save(file, format)
    return file.getvalue()


def given(name: str, data: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def test_several_pictures_get_bars_at_once(page: Page) -> None:
    page.goto("/classify")
    page.locator("#files").set_input_files([given("dark.png", picture(5)), given("grey.png", picture(120))])  # type: ignore[list-item]
    expect(page.locator(READING)).to_have_count(2)
    for name in ("dark.png", "grey.png"):
        reading = page.locator(READING, has_text=name)
        expect(reading.locator(".bars .share")).to_have_count(5)
        shares = [float(share.rstrip(" %")) for share in reading.locator(".bars .share").all_inner_texts()]
        assert shares == sorted(shares, reverse=True)
        assert 50 < sum(shares) <= 100.3
        expect(reading.locator(".heat")).to_be_visible()


def test_what_is_like_none_of_the_classes_is_said_to_be(page: Page) -> None:
    answer = {"predictions": [{"label": "Bag", "index": 8, "probability": 0.9}], "abstained": False, "energy": 3.0}
    told = {"results": [{**answer, "unfamiliar": True, "explanation": None}], "model": "clothing@sha256:0"}
    page.route("**/v1/classify", lambda route: route.fulfill(json={**told, "timing": {"total_ms": 1}}))
    page.goto("/classify")
    page.locator("#files").set_input_files([given("face.png", picture(5))])  # type: ignore[list-item]
    expect(page.locator(f"{READING} .bars li").last).to_have_text("Or nothing that it knows")
    expect(page.locator("#told")).to_have_text("face.png: Bag, 90.0 %, or nothing that it knows")


def test_samples_are_drawn_and_recognised(page: Page) -> None:
    page.goto("/classify")
    page.get_by_role("button", name="Sneaker").click()
    reading = page.locator(READING, has_text="Drawn as Sneaker")
    expect(reading.locator(".first")).to_contain_text(re.compile("Sneaker|Sandal|Ankle boot"))
    expect(page.locator("#told")).to_contain_text("Drawn as Sneaker: ")


def test_where_it_looked_and_when_it_abstains_are_for_the_reader_to_choose(page: Page) -> None:
    page.goto("/classify")
    page.get_by_role("button", name="Bag").click()
    expect(page.locator(f"{READING} .heat")).to_be_visible()

    page.get_by_label("Show where it looked").uncheck()
    page.get_by_role("slider").fill("0.99")
    page.locator("#files").set_input_files([given("dark.png", picture(5))])  # type: ignore[list-item]

    expect(page.locator(f"{READING} .heat:visible")).to_have_count(0)
    expect(page.locator(READING, has_text="dark.png").locator(".abstained")).to_have_text("Not sure")
    expect(page).to_have_url(re.compile(r"/classify\?abstain=0\.99&explain=false$"))
    page.reload()
    expect(page.get_by_role("slider")).to_have_value("0.99")
    expect(page.get_by_label("Show where it looked")).not_to_be_checked()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_that_is_dropped_anywhere_or_pasted_is_taken(page: Page, way: str) -> None:
    page.goto("/classify")
    expect(page.get_by_role("button", name="Sneaker")).to_be_visible()
    page.evaluate(
        """([bytes, way]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
            const told = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(way === "drop"
                ? new DragEvent("drop", { dataTransfer: data, ...told })
                : new ClipboardEvent("paste", { clipboardData: data, ...told }));
        }""",
        [list(picture(1)), way],
    )
    expect(page.locator(f"{READING} .bars .share")).to_have_count(5)


def test_a_file_that_is_no_picture_fails_alone(browser: Browser, service: Service) -> None:
    with chromium.watched(browser, service.base_url, refusals=True) as page:
        page.goto("/classify")
        page.locator("#files").set_input_files([given("broken.png", b"no picture"), given("dark.png", picture(5))])  # type: ignore[list-item]
        expect(page.locator(READING, has_text="dark.png").locator(".share")).to_have_count(5)
        expect(page.locator(READING, has_text="broken.png")).to_contain_text("picture")
        expect(page.locator(READING, has_text="broken.png").locator(".share")).to_have_count(0)

        page.get_by_role("button", name="Remove broken.png").click()
        expect(page.locator(READING)).to_have_count(1)
        page.get_by_role("button", name="Remove all").click()
        expect(page.locator(READING)).to_have_count(0)


def test_a_model_without_production_is_told_before_a_picture_is_given(page: Page) -> None:
    told = {"id": "mine", "version": None, "labels": [], "versions": [{"version": "sha256:0", "labels": ["a", "b"]}]}
    page.route("**/v1/models/mine", lambda route: route.fulfill(json=told))
    page.goto("/classify?model=mine")
    expect(page.locator("#notice")).to_contain_text("mine has no version in production.")


@pytest.mark.parametrize(("scheme", "size"), chromium.LOOKS)
def test_everyone_can_use_it(
    browser: Browser, service: Service, scheme: str, size: tuple[int, int], keep: chromium.Keep
) -> None:
    with chromium.looking(browser, service.base_url, scheme, size) as page:
        page.goto("/classify")
        for sample in ("Shirt", "Ankle boot"):
            page.get_by_role("button", name=sample, exact=True).click()
        expect(page.locator(f"{READING} .share")).to_have_count(10)
        chromium.everyone_can_use(page)
        page.evaluate("scrollTo(0, 0)")
        keep(page, f"classify-{scheme}-{size[0]}")
