"""The page of the HTTP interface."""

import subprocess
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect

from tests import browser as chromium
from tests.running import Service

pytestmark = [pytest.mark.browser, pytest.mark.service]


def test_the_interface_is_drawn_from_its_own_description(page: Page, client: TestClient) -> None:
    page.goto("/docs")
    described = sum(len(operations) for operations in client.get("/openapi.json").json()["paths"].values())
    expect(page.locator(".operation")).to_have_count(described)
    expect(page.locator("#generate")).to_contain_text("curl http://127.0.0.1")


def test_a_command_that_is_shown_has_what_the_service_needs(page: Page) -> None:
    page.goto("/docs")
    shown = {
        "createDataset": "-F file=@FILE",
        "importModel": "-F file=@FILE -F name=name",
        "createTrainingJob": '"model":"my-model"',
        "putAlias": "curl -X PUT",
    }
    for operation, part in shown.items():
        expect(page.locator(f"#{operation} pre")).to_contain_text(part)


def test_commands_that_are_shown_work(page: Page, tmp_path: Path) -> None:
    page.goto("/docs")
    for operation in ("generate", "infer", "animate", "createImage", "getSheet", "getFace"):
        command = page.locator(f"#{operation} pre").inner_text()
        subprocess.run(["bash", "-c", f"{command} --fail --silent --show-error --retry 5"], cwd=tmp_path, check=True)


@pytest.mark.parametrize(("scheme", "size"), chromium.LOOKS)
def test_everyone_can_use_it(browser: Browser, service: Service, scheme: str, size: tuple[int, int]) -> None:
    with chromium.looking(browser, service.base_url, scheme, size) as page:
        page.goto("/docs")
        expect(page.locator(".operation").first).to_be_visible()
        assert page.locator("#about").bounding_box()["x"] >= page.locator(".mark").bounding_box()["x"]
        chromium.everyone_can_use(page)
