"""The page to train on: pictures in, a run followed as it learns, a version tried and put into production."""

import re
import time
from collections.abc import Iterator
from typing import Any, get_args

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.contract.schemas.training import WebhookEvent
from tests import browser as chromium
from tests.app.web import shapes
from tests.running import Service

pytestmark = [pytest.mark.browser, pytest.mark.service, pytest.mark.timeout(400)]

LONG_MS = 240_000  # of training, on a machine that does other things, too
LATE_MS = 1000  # until what should not happen would have happened

# Of a generator that draws samples as soon as it has begun.
SMALL = {"generator.classes": 3, "samples": 9, "sample_every": 32, "report_every": 32, "snapshot_every": 64}


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.base_url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def dataset(client: httpx.Client) -> str:
    """The id of a data set of shapes that has been looked through."""
    files = {"file": ("shapes.zip", shapes.archive(per_class=60))}
    return str(client.post("/v1/datasets", files=files, headers={"Prefer": "wait=60"}).raise_for_status().json()["id"])


@pytest.fixture(scope="module")
def few(client: httpx.Client) -> str:
    """The id of another, of 60 pictures."""
    files = {"file": ("few.zip", shapes.archive(per_class=20))}
    return str(client.post("/v1/datasets", files=files, headers={"Prefer": "wait=60"}).raise_for_status().json()["id"])


def train(client: httpx.Client, dataset: str, *, preset: str = "pictures-tiny", **asked: Any) -> str:
    """Start a training; its id."""
    body = {"preset": preset, "dataset": dataset, "model": "page-shapes", **asked}
    return str(client.post("/v1/training-jobs", json=body).raise_for_status().json()["id"])


@pytest.fixture(scope="module")
def run(client: httpx.Client, dataset: str) -> str:
    """The id of a training with figures: the newest that other tests have made, or one of its own."""
    made = client.get("/v1/training-jobs").json()["data"]
    if made:
        return str(made[0]["id"])
    job = train(client, dataset, budget={"images": 1_000_000})
    while not client.get(f"/v1/training-jobs/{job}/metrics").json()["data"]:
        time.sleep(0.2)
    client.post(f"/v1/training-jobs/{job}/cancel").raise_for_status()
    return job


def known(page: Page) -> Any:
    """The choice among the pictures that are there already."""
    return page.get_by_label("Or pictures that are here already")


def state(page: Page) -> Any:
    """Where the run on the page stands."""
    return page.get_by_label("Where it stands").locator(".badge")


def test_a_zip_becomes_a_model_that_tells_a_new_picture(page: Page, keep: chromium.Keep) -> None:
    page.goto("/train")
    file = {"name": "my shapes.zip", "mimeType": "application/zip", "buffer": shapes.archive(per_class=60)}
    page.locator("input[type=file]").set_input_files([file])
    expect(page.get_by_text("180 pictures are ready")).to_be_visible()
    expect(page.get_by_text("1 file is left out")).to_be_visible()
    expect(page.get_by_alt_text("a row for each class")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?dataset=ds_"))

    expect(page.get_by_role("radio", name="pictures-tiny", exact=False).first).to_be_checked()
    expect(page.get_by_label("Name of the model")).to_have_value("my-shapes")
    page.get_by_label("Budget in").select_option("images")
    page.get_by_label("How long").fill("3000")
    page.get_by_role("button", name="Start training").click()

    page.wait_for_url(re.compile(r"\?job=job_"))
    expect(state(page)).to_have_text("succeeded", timeout=LONG_MS)
    loss = page.locator("likeness-plot").filter(has_text="Loss")
    expect(loss.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile(r"^Loss after 3,0\d\d pictures: loss 0\.\d")
    )
    page.get_by_role("button", name="Put into production").click()
    expect(page.get_by_label("Result").get_by_text("in production", exact=True)).to_be_visible()

    picture = {"name": "new.png", "mimeType": "image/png", "buffer": shapes.png("square", seed=7)}
    page.get_by_label("Drop a picture to classify").set_input_files([picture])
    expect(page.locator(".likely li").first).to_contain_text("square")
    page.evaluate("scrollTo(0, 0)")
    keep(page, "training-light-1360")

    page.goto("/models?model=my-shapes")
    expect(page.locator(".version dt").first).to_have_text("test accuracy")


def test_a_page_that_is_opened_before_a_train_worker_is_there_waits_for_it(page: Page) -> None:
    answers = iter([{"object": "list", "data": [], "has_more": False, "last_id": None}])

    def answer(route: Route) -> None:
        told = next(answers, None)
        if told is None:
            route.continue_()
        else:
            route.fulfill(json=told)

    page.route("**/v1/presets", answer)
    page.goto("/train")
    expect(page.get_by_text("No train worker has offered a preset yet.")).to_be_visible()
    expect(page.get_by_role("radio", name="pictures-gan")).to_be_visible()
    expect(page.get_by_text("No train worker has offered a preset yet.")).to_have_count(0)


def test_settings_that_are_not_valid_are_told_at_their_fields(browser: Browser, service: Service, dataset: str) -> None:
    with chromium.watched(browser, service.base_url, refusals=True) as page:
        page.goto(f"/train?dataset={dataset}")
        expect(page.get_by_text("180 pictures are ready")).to_be_visible()
        page.get_by_text("All settings").click()
        batch, size = page.get_by_label("batch"), page.get_by_label("size", exact=True)
        batch.fill("1")
        size.fill("wide")
        page.get_by_text("All settings").click()
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("1 is less than the minimum of 2")).to_be_visible()
        expect(page.get_by_text("'wide' is not of type 'integer'")).to_be_visible()
        expect(batch).to_have_attribute("aria-invalid", "true")
        expect(batch).to_be_focused()


def test_a_file_that_holds_no_pictures_is_told_so(page: Page) -> None:
    page.goto("/train")
    file = {"name": "letter.zip", "mimeType": "application/zip", "buffer": b"Dear Sir or Madam"}
    page.locator("input[type=file]").set_input_files([file])
    expect(page.locator(".step .error").first).to_contain_text(re.compile("zip|tar|picture"))
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()
    expect(page.get_by_role("button", name="Start training")).to_have_accessible_description("Pictures come first.")
    expect(page).to_have_url(re.compile("dataset=ds_"))
    page.reload()
    expect(page.locator(".step .error").first).to_contain_text(re.compile("zip|tar|picture"))
    page.get_by_role("button", name="Remove these pictures").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("letter is gone.")).to_be_visible()
    assert page.url.endswith("/train")


def test_pictures_that_are_chosen_while_others_are_sent_end_the_upload(page: Page, dataset: str) -> None:
    page.route(re.compile("/v1/datasets$"), lambda _: None)  # never done
    page.goto("/train")
    file = {"name": "slow.zip", "mimeType": "application/zip", "buffer": shapes.archive(per_class=2)}
    page.locator("input[type=file]").set_input_files([file])
    expect(page.get_by_text("Sending")).to_be_visible()
    with page.expect_event("requestfailed", lambda request: request.method == "POST"):
        known(page).select_option(dataset)
    expect(page.get_by_text("180 pictures are ready")).to_be_visible()


def test_pictures_that_are_chosen_end_the_wait_for_those_before(page: Page, dataset: str, few: str) -> None:
    page.route(f"**/v1/datasets/{few}", lambda _: None)  # never answered
    page.goto("/train")
    known(page).select_option(few)
    with page.expect_event("requestfailed", lambda request: request.url.endswith(few)):
        known(page).select_option(dataset)
    expect(page.get_by_text("180 pictures are ready")).to_be_visible()


@pytest.mark.parametrize("refused", [False, True])
def test_what_comes_late_of_pictures_that_were_chosen_before_changes_nothing(
    browser: Browser, service: Service, dataset: str, few: str, refused: bool
) -> None:
    known_ones = re.compile(r"/v1/datasets\?limit=")
    with chromium.watched(browser, service.base_url, refusals=refused) as page:
        page.goto("/train")
        expect(known(page).locator(f"[value={few}]")).to_be_attached()
        held: list[Route] = []
        page.route(known_ones, lambda route: held.append(route), times=1)
        with page.expect_request(known_ones):
            known(page).select_option(few)
        known(page).select_option(dataset)
        expect(page.get_by_text("180 pictures are ready")).to_be_visible()
        with page.expect_response(lambda answer: answer.request == held[0].request):
            if refused:
                held[0].fulfill(status=404, json={"detail": "They are gone."})
            else:
                held[0].continue_()
        page.wait_for_timeout(LATE_MS)
        expect(page.get_by_text("180 pictures are ready")).to_be_visible()
        expect(known(page)).to_have_value(dataset)
        expect(page).to_have_url(re.compile(f"dataset={dataset}"))
        expect(page.get_by_role("button", name="Start training")).to_be_enabled()


def test_who_comes_back_from_a_training_can_start_another(
    browser: Browser, service: Service, client: httpx.Client, dataset: str
) -> None:
    with chromium.remembering(browser) as other, chromium.watched(other, service.base_url) as page:
        page.goto(f"/train?dataset={dataset}")
        page.evaluate("window.kept = true")
        page.get_by_role("button", name="Start training").click()
        page.wait_for_url(re.compile(r"\?job=job_"))
        client.post(f"/v1/training-jobs/{page.url.partition('job=')[2]}/cancel").raise_for_status()
        page.evaluate("history.back()")
        page.wait_for_function("window.kept")
        expect(page.get_by_role("button", name="Start training")).to_be_enabled()


def test_what_a_training_would_cost_is_told_before_it_starts(page: Page, dataset: str) -> None:
    page.goto(f"/train?dataset={dataset}&preset=pictures-tiny")
    expect(page.get_by_role("button", name="What would it cost?")).to_be_enabled()
    page.get_by_role("button", name="What would it cost?").click()
    expect(page.locator(".price")).to_contain_text(re.compile(r"12,000 pictures at [\d,]+ a second on cpu: about \d+"))


def test_a_training_may_start_from_a_version(page: Page, client: httpx.Client, dataset: str) -> None:
    version = next(model["version"] for model in client.get("/v1/models").json()["data"] if model["id"] == "clothing")
    page.goto(f"/train?dataset={dataset}&from=clothing@{version}")
    expect(page.get_by_label("Starts from")).to_have_value(f"clothing@{version}")
    expect(page.get_by_label("Name of the model")).to_have_value("clothing")
    with page.expect_request("**/v1/training-jobs") as sent:
        page.get_by_role("button", name="What would it cost?").click()
    assert sent.value.post_data_json["resume_from"] == f"clothing@{version}"
    expect(page.locator(".price")).to_contain_text("pictures at")

    page.get_by_role("radio", name="pictures-gan").check()
    expect(page.get_by_label("Starts from")).to_have_value("")
    expect(page.get_by_label("Starts from").locator("option").filter(has_text="faces")).to_have_count(2)


def test_a_webhook_that_is_refused_is_told_at_its_field(browser: Browser, service: Service, dataset: str) -> None:
    with chromium.watched(browser, service.base_url, refusals=True) as page:
        page.goto(f"/train?dataset={dataset}")
        expect(page.get_by_text("180 pictures are ready")).to_be_visible()
        page.get_by_text("Tell another service").click()
        offered = page.locator("[name=webhook-event]").evaluate_all("boxes => boxes.map(({ value }) => value)")
        assert set(offered) == set(get_args(WebhookEvent))
        page.get_by_label("Address").fill("http://127.0.0.1:9/hook")
        page.get_by_text("Tell another service").click()
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("Nothing is sent to http://127.0.0.1:9/hook")).to_be_visible()
        expect(page.get_by_label("Address")).to_be_focused()
        page.get_by_role("button", name="Show the secret").click()
        expect(page.get_by_role("dialog")).to_contain_text("whsec_")


def test_a_run_can_be_paused_gone_on_with_and_cancelled(page: Page, client: httpx.Client, dataset: str) -> None:
    page.goto(f"/train?job={train(client, dataset, budget={'images': 1_000_000})}")
    expect(page.locator("likeness-plot").first).to_be_visible()
    page.get_by_role("button", name="Pause").press("Enter")
    page.keyboard.press("Enter")
    expect(state(page)).to_have_text("paused")
    page.get_by_role("button", name="Go on").click()
    expect(state(page)).to_have_text("running")
    page.get_by_role("button", name="Cancel").click()
    expect(state(page)).to_have_text("cancelled")
    expect(page.get_by_role("link", name="Train again")).to_be_visible()


def test_a_run_that_ended_before_it_began_promises_no_figures(page: Page, client: httpx.Client, dataset: str) -> None:
    before, waiting = train(client, dataset, budget={"images": 1_000_000}), train(client, dataset)
    for job in (waiting, before):
        client.post(f"/v1/training-jobs/{job}/cancel").raise_for_status()
    page.goto(f"/train?job={waiting}")
    expect(state(page)).to_have_text("cancelled")
    expect(page.get_by_text("It ended before there were any.")).to_be_visible()


def test_a_generator_shows_its_samples_and_draws_before_it_has_ended(
    page: Page, client: httpx.Client, dataset: str
) -> None:
    job = train(client, dataset, preset="clothing-gan-tiny", model="page-drawn", settings=SMALL)
    page.goto(f"/train?job={job}")
    scrubber = page.get_by_label("Moment of the training")
    expect(scrubber).to_have_attribute("aria-valuetext", re.compile("after (9|1[0-9]{2}) pictures"), timeout=LONG_MS)
    scrubber.fill("0")
    expect(page.get_by_alt_text("Pictures of the same seeds after 32 training pictures")).to_be_visible()
    expect(page.locator(".trial-faces img").first).to_have_js_property("naturalWidth", 160, timeout=LONG_MS)
    page.get_by_role("button", name="Cancel").click()
    expect(state(page)).to_have_text("cancelled")
    with page.expect_download() as download:
        page.get_by_role("button", name="Time-lapse", exact=True).click()
    assert download.value.path().read_bytes()[8:12] == b"WEBP"


def test_the_run_of_a_generator_that_is_opened_late_fetches_the_newest_samples_alone(
    page: Page, client: httpx.Client, dataset: str
) -> None:
    settings = {**SMALL, "snapshot_every": 1_000_000}  # no faces to try, which would be asked of a busy worker
    job = train(client, dataset, preset="clothing-gan-tiny", model="page-late", settings=settings)
    while len(client.get(f"/v1/training-jobs/{job}/samples").json()["data"]) < 3:
        time.sleep(0.2)
    client.post(f"/v1/training-jobs/{job}/cancel").raise_for_status()
    while client.get(f"/v1/training-jobs/{job}").json()["status"] != "cancelled":
        time.sleep(0.2)
    drawn = [sample["images"] for sample in client.get(f"/v1/training-jobs/{job}/samples").json()["data"]]
    page.route("**/events", lambda route: route.fulfill(response=route.fetch()))  # all at once
    asked: list[int] = []
    page.on("request", lambda sent: asked.extend(int(name) for name in re.findall(r"/samples/(\d+)\.png", sent.url)))

    page.goto(f"/train?job={job}")
    samples = page.get_by_role("group", name="Samples").locator("img")
    expect(samples).to_have_attribute("src", re.compile("^blob:"))
    expect(samples).to_have_attribute("alt", f"Pictures of the same seeds after {drawn[-1]:,} training pictures")
    assert asked == drawn[-1:]
    with page.expect_response(f"**/samples/{drawn[0]}.png"):
        page.get_by_label("Moment of the training").fill("0")
    assert asked == [drawn[-1], drawn[0]]


def test_what_was_told_to_a_webhook_stands_in_what_happened(page: Page, run: str) -> None:
    # Stands in for a webhook: the service of the tests sends nothing to this machine.
    told = {"type": "training_job.failed", "status": "failed", "attempts": 9, "error": "it answered with 410"}
    sent = {**told, "response_status": 410, "created_at": "2026-01-02T03:04:05Z"}
    page.route("**/deliveries", lambda route: route.fulfill(json={"object": "list", "data": [sent]}))
    page.goto(f"/train?job={run}")
    page.get_by_text("What happened").click()
    messages = page.get_by_role("list", name="Told to another service")
    expect(messages.get_by_role("listitem")).to_contain_text("it answered with 410, after 9 attempts")


@pytest.mark.parametrize(("scheme", "size"), chromium.LOOKS)
def test_everyone_can_use_it(
    browser: Browser,
    service: Service,
    keep: chromium.Keep,
    dataset: str,
    run: str,
    scheme: str,
    size: tuple[int, int],
) -> None:
    with chromium.looking(browser, service.base_url, scheme, size) as page:
        page.goto(f"/train?dataset={dataset}")
        expect(page.get_by_text("180 pictures are ready")).to_be_visible()
        keep(page, f"train-{scheme}-{size[0]}")
        page.get_by_text("All settings").click()
        page.get_by_text("Tell another service").click()
        chromium.everyone_can_use(page)
        page.goto(f"/train?job={run}")
        expect(page.locator("likeness-plot").first).to_be_visible()
        page.get_by_text("As a table").first.click()
        page.get_by_text("What happened").click()
        chromium.everyone_can_use(page)
