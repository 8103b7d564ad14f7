"""What a keyring believes, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from app import redis_client
from app.access import keys
from app.access.caller import ANYONE
from app.access.keyring import BELIEVED_SECONDS, Keyring
from app.contract.database import Database, now
from app.contract.errors import Unauthenticated
from app.contract.tables import KeyRow
from app.signals import Signals

pytestmark = pytest.mark.anyio


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    return database


@pytest.fixture
async def keyrings(database: Database, api_redis: str) -> AsyncIterator[tuple[Keyring, Keyring]]:
    """Those of two api processes."""
    async with (
        redis_client.connect(api_redis) as client,
        Signals(client) as signals,
        Keyring(database, client, signals, admin_key="admin-secret") as one,
        Keyring(database, client, signals, admin_key="admin-secret") as other,
    ):
        yield one, other
    database.close()


async def test_without_an_admin_key_nobody_needs_one(database: Database, api_redis: str) -> None:
    async with redis_client.connect(api_redis) as client:
        assert await Keyring(database, client, Signals(client), admin_key=None).identify(None) is ANYONE
    database.close()


async def test_only_a_hash_of_the_secret_is_kept(database: Database) -> None:
    with database.session() as session:
        _, secret = keys.create(session, name="shop", scopes=["predict"])
        stored = [str(value) for row in session.execute(sa.select(KeyRow.__table__)) for value in row]
    assert len(secret) >= 46  # 3 characters that mark it, and 256 bits in base64
    assert not any(secret in value for value in stored)
    database.close()


async def test_a_revoked_key_is_refused_at_once_by_every_process(
    database: Database, keyrings: tuple[Keyring, Keyring]
) -> None:
    here, there = keyrings
    with database.session() as session:
        key, secret = keys.create(session, name="shop", scopes=["predict"])
    for keyring in keyrings:
        assert (await keyring.identify(secret)).id == key.id
    with database.session() as session:
        keys.revoke(session, key.id)
    await here.changed(key.id)
    with pytest.raises(Unauthenticated):
        await here.identify(secret)

    async def ask_until_refused() -> None:
        while True:
            await there.identify(secret)
            await asyncio.sleep(0.01)

    async with asyncio.timeout(0.5 * BELIEVED_SECONDS):
        with pytest.raises(Unauthenticated):
            await ask_until_refused()


async def test_after_rotation_both_secrets_work_until_the_grace_is_over(
    database: Database, keyrings: tuple[Keyring, Keyring]
) -> None:
    keyring, _ = keyrings
    with database.session() as session:
        key, old = keys.create(session, name="shop", scopes=["predict"])
        _, new = keys.rotate(session, key.id, grace_seconds=3600)
    assert await keyring.identify(old) == await keyring.identify(new)
    with database.session() as session:
        session.execute(sa.update(KeyRow).values(previous_until=now() - timedelta(seconds=1)))
    await keyring.changed(key.id)
    assert (await keyring.identify(new)).id == key.id
    with pytest.raises(Unauthenticated):
        await keyring.identify(old)


async def test_a_key_ends_in_the_middle_of_being_believed(
    database: Database, keyrings: tuple[Keyring, Keyring], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = keyrings
    end = now() + timedelta(hours=1)
    with database.session() as session:
        _, secret = keys.create(session, name="s", scopes=["predict"], expires_at=end)
    await here.identify(secret)
    monkeypatch.setattr("app.access.keyring.now", lambda: end)
    with pytest.raises(Unauthenticated):
        await here.identify(secret)


async def test_the_last_use_is_written_down_later(database: Database, api_redis: str) -> None:
    with database.session() as session:
        key, secret = keys.create(session, name="shop", scopes=["predict"])
    async with (
        redis_client.connect(api_redis) as client,
        Keyring(database, client, Signals(client), admin_key="admin-secret") as keyring,
    ):
        await keyring.identify(secret)
        with database.session() as session:
            assert keys.get(session, key.id).last_used_at is None
    with database.session() as session:
        used = keys.get(session, key.id).last_used_at
    assert used is not None
    assert now() - used < timedelta(seconds=30)
    database.close()


async def test_an_id_that_can_be_none_is_not_remembered(
    keyrings: tuple[Keyring, Keyring], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring, _ = keyrings
    asked: list[str] = []
    monkeypatch.setattr("app.access.keyring._by_id", lambda _session, key: asked.append(key))
    for key in ("k" * 40, "k" * 60_000):
        with pytest.raises(Unauthenticated):
            await keyring.signer(key)
    assert [len(key) for key in asked] == [40]
