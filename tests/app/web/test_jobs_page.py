"""The page of jobs and workers: what runs, who does it, and the end of what nobody wants any more."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import browser as chromium
from tests.app.web import shapes
from tests.running import Service

pytestmark = [pytest.mark.browser, pytest.mark.service]


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.base_url, timeout=60, trust_env=False) as client:
        yield client


def draw(client: httpx.Client, *seeds: str) -> str:
    """Ask for pictures without waiting for them; the job's id."""
    asked = {"json": {"seeds": seeds}, "headers": {"Prefer": "respond-async"}}
    return str(client.post("/v1/generate", **asked).raise_for_status().json()["id"])


def train(client: httpx.Client, dataset: str) -> str:
    """Ask for a training that ends only when it is cancelled; its id."""
    body = {"preset": "pictures-tiny", "dataset": dataset, "model": "page-jobs", "budget": {"images": 1_000_000}}
    return str(client.post("/v1/training-jobs", json=body).raise_for_status().json()["id"])


@pytest.fixture(scope="module")
def dataset(client: httpx.Client) -> str:
    """Id of pictures to train on."""
    files = {"file": ("shapes.zip", shapes.archive(per_class=60))}
    answer = client.post("/v1/datasets", files=files, headers={"Prefer": "wait=60"})
    return str(answer.raise_for_status().json()["id"])


def row(page: Page, job: str) -> Locator:
    """The job's line in the table."""
    return page.get_by_role("row").filter(has_text=job)


def test_a_job_appears_while_one_looks_and_its_pictures_are_a_click_away(page: Page, client: httpx.Client) -> None:
    page.goto("/jobs")
    expect(page.get_by_label("Workers").get_by_role("article")).to_have_count(2)
    job = draw(client, "ada", "grace")
    expect(row(page, job)).to_contain_text("succeeded")
    row(page, job).get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"job={job}"))
    expect(page.get_by_role("img", name="grace")).to_have_js_property("naturalWidth", 64)
    expect(page.locator(".history li")).to_have_count(3)


def test_jobs_are_narrowed_and_the_address_says_how(page: Page, client: httpx.Client) -> None:
    job = draw(client, "ada")
    page.goto("/jobs?kind=generate")
    expect(row(page, job)).to_be_visible()
    page.get_by_label("Kind").select_option("classify")
    expect(page).to_have_url(re.compile(r"/jobs\?kind=classify$"))
    expect(row(page, job)).to_have_count(0)
    page.get_by_label("Kind").select_option("")
    page.get_by_label("Status").select_option("succeeded")
    expect(page).to_have_url(re.compile(r"/jobs\?status=succeeded$"))
    expect(row(page, job)).to_be_visible()


def test_a_walk_that_is_a_film_can_be_played(page: Page, client: httpx.Client) -> None:
    pytest.importorskip("av", reason="needs the extra `video`")
    asked = {"seeds": ["ada", "grace"], "frames": 6, "format": "mp4"}
    answer = client.post("/v1/animate", json=asked, headers={"Prefer": "respond-async"})
    page.goto(f"/jobs?job={answer.raise_for_status().json()['id']}")
    expect(page.get_by_label("a walk from face to face")).to_have_js_property("videoWidth", 64)


def test_a_picture_that_cannot_be_had_is_told(browser: Browser, service: Service, client: httpx.Client) -> None:
    with chromium.watched(browser, service.base_url, refusals=True) as page:
        page.route("**/output/*", lambda route: route.fulfill(status=404, json={"detail": "It is gone."}))
        page.goto(f"/jobs?job={draw(client, 'ada')}")
        expect(page.get_by_text("It is gone.")).to_be_visible()


def test_the_page_of_a_job_tells_when_it_begins_and_who_does_it(page: Page, client: httpx.Client, dataset: str) -> None:
    first, second = train(client, dataset), train(client, dataset)
    page.goto(f"/jobs?job={second}")
    expect(page.get_by_role("link", name="its figures and samples")).to_have_attribute("href", f"/train?job={second}")
    state = page.get_by_label("Where it stands").get_by_role("status")
    expect(state).to_have_text("queued")
    client.post(f"/v1/jobs/{first}/cancel").raise_for_status()
    expect(state).to_have_text(re.compile("^runningon train"))
    page.get_by_role("button", name="Cancel").click()
    expect(state).to_contain_text("cancelled")


def test_a_worker_tells_what_it_trains_until_that_is_cancelled(page: Page, client: httpx.Client, dataset: str) -> None:
    job = train(client, dataset)
    page.goto("/jobs")
    worker = page.get_by_role("article").filter(has=page.get_by_role("heading", name="train"))
    expect(worker.get_by_role("link", name="training")).to_have_attribute("href", f"/train?job={job}")
    expect(worker.locator(".badge")).to_have_text("busy")
    page.get_by_role("button", name=f"Cancel training {job}").click()
    expect(row(page, job)).to_contain_text("cancelled")
    expect(worker).to_contain_text("Waits for a job.")


@pytest.mark.parametrize(("scheme", "size"), chromium.LOOKS)
def test_everyone_can_use_it(
    browser: Browser, service: Service, client: httpx.Client, keep: chromium.Keep, scheme: str, size: tuple[int, int]
) -> None:
    job = draw(client, "ada")
    with chromium.looking(browser, service.base_url, scheme, size) as page:
        page.goto("/jobs")
        expect(row(page, job)).to_contain_text("succeeded")
        keep(page, f"jobs-{scheme}-{size[0]}")
        chromium.everyone_can_use(page)
        page.goto(f"/jobs?job={job}")
        expect(page.get_by_role("img", name="ada")).to_be_visible()
        chromium.everyone_can_use(page)
