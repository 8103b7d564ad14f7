"""The page /keys, and how pages get a key: on a service that wants one."""

import contextlib
import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.contract import presets
from app.contract.database import Database
from app.contract.settings import Settings
from app.main import create_app
from models import presets as model_presets
from tests import browser as chromium
from tests.app import serving
from tests.app.web import shapes

pytestmark = pytest.mark.browser

NAMES = {
    ("light", 390): "shop window",
    ("light", 1360): "Ada's laptop",
    ("dark", 390): "nightly training",
    ("dark", 1360): "museum kiosk",
}

ADMIN = "the-secret-of-the-administrator"

LATE_MS = 1000  # until what should not happen would have happened


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, api_redis: str, worker: serving.ProtocolWorker) -> Iterator[str]:
    """The address of a service that wants a key."""
    settings = serving.home_settings(tmp_path_factory.mktemp("guarded"), api_redis, admin_key=ADMIN)
    serving.publish(settings)
    with contextlib.closing(Database(settings.database)) as database, database.session() as session:
        presets.offer(session, [model_presets.describe("pictures-tiny")])
    with serving.listening(create_app(settings)) as address:
        yield address


@pytest.fixture
def page(browser: Browser, guarded: str) -> Iterator[Page]:
    with chromium.watched(browser, guarded, refusals=True) as page:
        yield page


def sign_in(page: Page, secret: str) -> None:
    page.get_by_label("Key", exact=True).fill(secret)
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()


def make(page: Page, name: str, *scopes: str) -> str:
    """Make a key on the page; its secret."""
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name").fill(name)
    for scope in scopes:
        page.get_by_role("checkbox", name=re.compile(f"^{scope}")).check()
    page.get_by_role("button", name="Make it").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("button", name="I have it").click()
    return secret


def status(address: str, secret: str) -> int:
    return httpx.get(f"{address}/v1/models", headers={"Authorization": f"Bearer {secret}"}, timeout=60).status_code


def test_a_page_asks_for_a_key_once_and_keeps_it_for_the_tab_alone(page: Page) -> None:
    page.goto("/?seed=grace")
    for wrong in ("ключ", "guessed"):  # of which no header can carry the first
        sign_in(page, wrong)
        expect(page.get_by_role("dialog")).to_contain_text("The service does not know this key.")
    sign_in(page, ADMIN)
    expect(page.locator("#portrait[alt*=grace]")).to_be_visible()
    expect(page.locator(".wall img.there").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)

    assert ADMIN not in page.url
    assert page.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0
    page.reload()
    expect(page.locator("#portrait[alt*=grace]")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_who_signs_in_not_now_is_asked_again_only_on_demand(page: Page) -> None:
    page.goto("/classify")
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#notice")).to_contain_text("This needs a key: sign in, at the top of the page.")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    sign_in(page, ADMIN)
    expect(page.get_by_role("button", name="bright")).to_be_visible()


def test_a_face_that_is_copied_is_signed_and_needs_no_key(page: Page, guarded: str) -> None:
    page.goto("/?seed=ada")
    sign_in(page, ADMIN)
    expect(page.locator("#snippet")).to_contain_text("signature=")
    address = re.search('src="([^"]+)"', page.locator("#snippet").inner_text())
    assert address is not None
    assert httpx.get(address[1].replace("&amp;", "&"), timeout=60).headers["content-type"] == "image/webp"
    for name in ("Image", "Web component", "curl", "Python", "OpenAI client", "Link"):
        page.get_by_role("tab", name=name).click()
        assert ADMIN not in page.locator("#snippet").inner_text()


def test_a_signature_that_comes_late_is_not_offered_for_the_next_face(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "/ada." in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/v1/signatures", hold)
    page.goto("/?seed=ada")
    with page.expect_request("**/v1/signatures"):
        sign_in(page, ADMIN)
    page.get_by_role("textbox", name="Seed").fill("grace")
    expect(page.locator("#snippet")).to_contain_text(re.compile(r"/grace\.webp.*signature="))
    held[0].continue_()
    page.wait_for_timeout(LATE_MS)
    expect(page.locator("#snippet")).to_contain_text(re.compile(r"/grace\.webp.*signature="))


def test_a_key_is_made_used_rotated_and_revoked(page: Page, guarded: str) -> None:
    page.goto("/keys")
    sign_in(page, ADMIN)
    secret = make(page, "shop", "train")
    assert status(guarded, secret) == 200
    expect(page.locator("#secret")).to_have_count(0)  # a browser tells a dialog's end a moment after it
    assert secret not in page.content()
    card = page.get_by_role("listitem").filter(has_text="shop")
    expect(card).to_contain_text("predict")
    expect(card).to_contain_text("train")

    card.get_by_role("button", name="Rotate").click()
    page.get_by_label("The secret before ends").select_option("at once")
    page.get_by_role("button", name="Rotate it").click()
    rotated = page.locator("#secret").inner_text()
    page.get_by_role("button", name="I have it").click()
    assert (status(guarded, secret), status(guarded, rotated)) == (401, 200)

    card.get_by_role("button", name="Use").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nobody has asked for one.")
    page.get_by_role("button", name="Done").click()

    card.get_by_role("button", name="Revoke").click()
    page.get_by_role("button", name="Revoke it").click()
    expect(card).to_have_count(0)
    page.get_by_label("Also those that have ended").check()
    expect(page.get_by_role("listitem").filter(has_text="shop")).to_contain_text("revoked")
    assert status(guarded, rotated) == 401


def test_a_double_click_rotates_a_key_once(page: Page, guarded: str) -> None:
    page.goto("/keys")
    sign_in(page, ADMIN)
    secret = make(page, "till")
    held: list[Route] = []
    page.route("**/rotate", lambda route: held.append(route))
    page.get_by_role("button", name="Rotate: till").click()
    page.get_by_role("button", name="Rotate it").dblclick()
    page.wait_for_timeout(LATE_MS)
    for route in held:
        route.continue_()
    rotated = page.locator("#secret").inner_text()
    assert len(held) == 1
    assert (status(guarded, secret), status(guarded, rotated)) == (200, 200)


def test_enter_twice_makes_one_key(page: Page) -> None:
    page.goto("/keys")
    sign_in(page, ADMIN)
    held: list[Route] = []
    page.route("**/v1/keys", lambda route: held.append(route))
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name").fill("twin")
    for _ in range(2):
        page.get_by_label("Name").press("Enter")
    page.wait_for_timeout(LATE_MS)
    for route in held:
        route.continue_()
    page.get_by_role("button", name="I have it").click()
    assert len(held) == 1


def test_what_is_wrong_with_a_key_is_said_where_it_is_made(page: Page) -> None:
    page.goto("/keys")
    sign_in(page, ADMIN)
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name").fill("nothing")
    page.get_by_role("checkbox", name=re.compile("^predict")).uncheck()
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert").filter(has_text="at least 1 item")).to_be_visible()
    expect(page.get_by_role("button", name="Make it")).to_be_focused()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Make a key")).to_be_focused()
    expect(page.get_by_role("listitem").filter(has_text="nothing")).to_have_count(0)


def test_pictures_are_sent_again_once_somebody_has_signed_in(page: Page) -> None:
    page.goto("/train")
    sign_in(page, ADMIN)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate("sessionStorage.setItem('likeness-key', 'revoked meanwhile')")
    file = {"name": "shapes.zip", "mimeType": "application/zip", "buffer": shapes.archive(per_class=2)}
    page.locator("input[type=file]").first.set_input_files([file])
    expect(page.get_by_role("dialog")).to_contain_text("does not know this key, or no longer")
    sign_in(page, ADMIN)
    expect(page.get_by_text("Sent. A worker looks the pictures through")).to_be_visible()


def test_keys_are_for_administrators(page: Page) -> None:
    page.goto("/keys")
    sign_in(page, ADMIN)
    secret = make(page, "drawing")
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, secret)
    expect(page.locator("#notice")).to_contain_text("admin")


@pytest.mark.parametrize(("scheme", "size"), chromium.LOOKS)
def test_everyone_can_use_it(
    browser: Browser, guarded: str, scheme: str, size: tuple[int, int], keep: chromium.Keep
) -> None:
    with chromium.looking(browser, guarded, scheme, size, refusals=True) as page:
        page.goto("/keys")
        expect(page.get_by_role("dialog")).to_be_visible()
        chromium.everyone_can_use(page)
        sign_in(page, ADMIN)
        make(page, NAMES[scheme, size[0]], "train")
        chromium.everyone_can_use(page)
        keep(page, f"keys-{scheme}-{size[0]}")
        page.get_by_role("button", name="Make a key").click()
        chromium.everyone_can_use(page)


def test_a_service_without_keys_says_so(browser: Browser, settings: Settings, worker: serving.ProtocolWorker) -> None:
    with serving.listening(create_app(settings)) as address, chromium.watched(browser, address) as page:
        page.goto("/keys")
        expect(page.get_by_role("heading", name="Nobody needs a key here.")).to_be_visible()
        expect(page.get_by_role("button", name="Sign in")).to_have_count(0)
