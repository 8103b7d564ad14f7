from pathlib import Path

import pytest

from app import redis_client
from app.drawing.face_cache import FaceCache, Picture, picture

pytestmark = pytest.mark.anyio


def made(size: int, fill: bytes = b"x") -> Picture:
    return picture(fill * size, width=1, height=2, native_size=3)


async def test_the_least_recently_used_goes_first() -> None:
    cache = FaceCache(3 * 1600)
    for key in ("a", "b", "c"):
        await cache.put(key, made(1000))
    await cache.get("a")
    await cache.put("d", made(1000))
    assert [key for key in "abcd" if await cache.get(key)] == ["a", "c", "d"]


async def test_it_never_grows_beyond_its_limit() -> None:
    cache = FaceCache(10_000)
    for number in range(200):
        await cache.put(str(number), made(number * 10))
        assert cache.bytes <= 10_000
    assert cache.bytes == sum(len(entry.data) + len(key) + 512 for key, entry in cache._entries.items())


async def test_the_same_key_again_takes_the_place_of_the_first() -> None:
    cache = FaceCache(10_000)
    await cache.put("a", made(1000))
    before = cache.bytes
    await cache.put("a", made(1000, b"y"))
    assert (cache.bytes, len(cache)) == (before, 1)


async def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = FaceCache(100)
    await cache.put("a", made(1000))
    assert (await cache.get("a"), cache.bytes) == (None, 0)


async def test_processes_share_a_cache(api_redis: str) -> None:
    shared = redis_client.connect(api_redis)
    try:
        await FaceCache(10_000, shared).put("shared", made(100))
        assert await FaceCache(10_000, shared).get("shared") == made(100)
    finally:
        await shared.aclose()


async def test_a_shared_cache_that_is_away_is_a_miss(tmp_path: Path) -> None:
    shared = redis_client.connect(f"unix://{tmp_path}/nobody.sock")
    cache = FaceCache(10_000, shared)
    assert await cache.get("a") is None
    await cache.put("a", made(100))
    assert await cache.get("a") == made(100)
    await shared.aclose()
