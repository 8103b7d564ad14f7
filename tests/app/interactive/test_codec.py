import asyncio
import base64
import io
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from app.contract import registry
from app.contract.errors import Busy, DeadlineExceeded, NotAPicture, TooManyPixels, UndecodablePicture
from app.contract.registry import Version
from app.contract.settings import Settings
from app.interactive.codec import Codec
from app.metrics import Metrics
from tests.app import serving

pytestmark = pytest.mark.anyio

VERSION = Version(
    model="clothing",
    digest="0" * 64,
    kind="classifier",
    header=registry.read_header(serving.CLASSIFIER),
    card="",
    source="bundled",
    size_bytes=1,
    created_at="2026-01-01T00:00:00Z",
)


@pytest.fixture
async def codec(tmp_path: Path) -> AsyncIterator[Codec]:
    async with Codec(Settings(home=tmp_path, codec_threads=2, max_picture_pixels=10_000), Metrics()) as codec:
        yield codec


async def test_pictures_come_back_in_their_order(codec: Codec) -> None:
    pixels = await codec.decode([serving.png(value) for value in range(100)], VERSION)
    assert pixels == [bytes([value]) * 64 for value in range(100)]


async def test_the_first_picture_that_is_to_blame_is_named(codec: Codec) -> None:
    files = [serving.png(1)] * 20
    files[9] = serving.png(1)[:-30]
    files[17] = b"text"
    with pytest.raises(UndecodablePicture) as refusal:
        await codec.decode(files, VERSION)
    assert refusal.value.facts["position"] == 9


async def test_what_is_no_picture_is_refused(codec: Codec) -> None:
    with pytest.raises(NotAPicture):
        await codec.decode([b"text"], VERSION)


async def test_a_picture_of_too_many_pixels_is_not_decoded(codec: Codec) -> None:
    with pytest.raises(TooManyPixels):
        await codec.decode([serving.png(1, size=101)], VERSION)


async def test_a_heat_map_glows_where_it_is_hot(codec: Codec) -> None:
    heat = bytes([0] * 32 + [255] * 32)
    explanation = await codec.overlay(bytes([100]) * 64, heat, size=8, channels=1)
    picture = Image.open(io.BytesIO(base64.b64decode(explanation.base64)))
    assert picture.getpixel((112, 5)) == (100, 100, 100)
    red, _, blue = picture.getpixel((112, 218))
    assert red > 150 > 100 > blue


async def test_what_waits_for_a_thread_waits_no_longer_than_its_deadline(codec: Codec) -> None:
    released, loop = threading.Event(), asyncio.get_running_loop()
    held = [asyncio.create_task(codec.run(released.wait)) for _ in range(2)]
    await asyncio.sleep(0)  # both threads have something to do before anybody else asks
    with pytest.raises(DeadlineExceeded):
        await codec.run(bytes, deadline=loop.time() + 0.05)
    with pytest.raises(DeadlineExceeded):
        await codec.decode([serving.png(1)] * 2, VERSION, deadline=loop.time() + 0.05)
    released.set()
    assert await asyncio.gather(*held) == [True, True]
    assert await codec.run(bytes, deadline=loop.time() + 30) == b""


async def test_no_more_wait_for_a_thread_than_are_done_in_time(tmp_path: Path) -> None:
    now, go = 0.0, threading.Semaphore(0)
    async with Codec(Settings(home=tmp_path, codec_threads=1), Metrics(), clock=lambda: now) as codec:
        waiting = [asyncio.create_task(codec.run(go.acquire)) for _ in range(70)]
        for task in waiting[:10]:
            now += 1.0  # each takes a second, and half a second may be waited for
            go.release()
            await task
        waiting += [asyncio.create_task(codec.run(go.acquire)) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await codec.run(go.acquire)
        go.release(64)
        assert await asyncio.gather(*waiting) == [True] * 74
