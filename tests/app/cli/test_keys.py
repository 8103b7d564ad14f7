import json
from collections.abc import Iterator

import httpx
import pytest
from typer.testing import CliRunner

from app.cli.main import application
from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving

ADMIN = "the-secret-of-the-administrator"


@pytest.fixture(scope="module")
def address(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), redis_url=redis_url, admin_key=ADMIN)
    serving.publish(settings)
    with serving.listening(create_app(settings)) as address:
        yield address


def run(address: str, *arguments: str, key: str = ADMIN) -> tuple[int, str]:
    """Exit code and standard output of `likeness keys`."""
    environment = {"LIKENESS_URL": address, "LIKENESS_KEY": key}
    result = CliRunner().invoke(application, ["keys", *arguments], env=environment)
    return result.exit_code, result.stdout.strip()


def status(address: str, secret: str) -> int:
    return httpx.get(
        f"{address}/v1/models", headers={"Authorization": f"Bearer {secret}"}, trust_env=False, timeout=60
    ).status_code


def test_a_key_is_made_used_rotated_and_revoked(address: str) -> None:
    code, secret = run(address, "create", "shop", "--scope", "predict", "--days", "1")
    assert (code, status(address, secret)) == (0, 200)
    _, listed = run(address, "list", "--json")
    row = json.loads(listed)["data"][0]
    assert (row["name"], row["status"], row["scopes"]) == ("shop", "active", ["predict"])
    assert secret not in listed

    code, fresh = run(address, "rotate", row["id"], "--grace-hours", "0")
    assert (code, status(address, fresh), status(address, secret)) == (0, 200, 401)

    assert run(address, "revoke", row["id"])[0] == 0
    assert status(address, fresh) == 401
    assert run(address, "rotate", row["id"])[0] == 1


def test_a_key_that_is_not_an_administrators_makes_none(address: str) -> None:
    _, secret = run(address, "create", "shop", "--scope", "predict", "--scope", "train")
    assert run(address, "create", "another", "--scope", "admin", key=secret) == (1, "")


def test_a_scope_that_does_not_exist_is_refused(address: str) -> None:
    assert run(address, "create", "shop", "--scope", "everything")[0] == 1
