from pathlib import Path

import pytest

from app.assembly import StartRefused, running
from app.contract.database import Database
from app.contract.settings import Settings
from tests.app import serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def own(tmp_path: Path, api_redis: str) -> Settings:
    """Settings of a home of the test's own, with models."""
    settings = serving.home_settings(tmp_path, api_redis)
    serving.publish(settings)
    return settings


async def test_it_refuses_an_address_that_others_reach_without_a_key(own: Settings) -> None:
    with pytest.raises(StartRefused, match="LIKENESS_ADMIN_KEY"):
        async with running(own.model_copy(update={"host": "0.0.0.0"})):
            pass


async def test_it_refuses_a_database_without_its_schema_and_lets_go_of_it(
    tmp_path: Path, api_redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Database] = []
    close = Database.close

    def closing(database: Database) -> None:
        close(database)
        closed.append(database)

    monkeypatch.setattr(Database, "close", closing)
    with pytest.raises(StartRefused, match="likeness prepare"):
        async with running(serving.home_settings(tmp_path, api_redis)):
            pass
    assert len(closed) == 1


async def test_what_was_counted_last_is_there_after_the_end(own: Settings) -> None:
    async with running(own) as parts:
        parts.usage.count("key_assembly", drawn=2)
    async with running(own) as parts:
        days = await parts.usage.of("key_assembly", days=2)
    assert [(day.hits, day.drawn) for day in days] == [(1, 2)]
