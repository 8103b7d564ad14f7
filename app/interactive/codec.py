"""Decodes and encodes pictures in a pool of threads: Pillow lets go of the interpreter while it works."""

import asyncio
import base64
import io
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, Self, TypeVar

from PIL import Image

from app.contract import cores, tracing
from app.contract.errors import Busy, DeadlineExceeded, NotAPicture, TooManyPixels, UndecodablePicture
from app.contract.registry import Version
from app.contract.schemas.classify import Explanation
from app.contract.settings import Settings
from app.interactive.pace import Pace
from app.metrics import Metrics
from models import images

T = TypeVar("T")

_CHUNK = 8  # pictures a thread takes at once: a hop between threads costs as much as a small picture
_FEWEST_WAITING = 64  # pictures that may wait however slow they are, as many as one request may have
_HEAT_OPACITY = 0.55
_SMALLEST_OVERLAY = 224  # pixels; a heat map over a picture of 28 pixels is hard to look at


class Codec:
    """Pictures to pixels and back.

    At most `max_queued_images` wait, and not more than are done in `max_queue_seconds` once their pace is known; beyond
    that, `Busy`. Who gives a `deadline` (time of the event loop) waits no longer than that: then `DeadlineExceeded`.
    `clock` tells seconds and never goes back.
    """

    def __init__(self, settings: Settings, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics, self._clock = metrics, clock
        self._threads = settings.codec_threads or cores.available()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="codec")
        self._max_pixels = settings.max_picture_pixels
        self._max_queued_images, self._max_queue_seconds = settings.max_queued_images, settings.max_queue_seconds
        self._pace = Pace()
        self._waiting = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def decode(self, files: Sequence[bytes], version: Version, *, deadline: float | None = None) -> list[bytes]:
        """Pixels, uint8 [size, size, channels], of each file, as the network of `version` takes them.

        Raises:
            NotAPicture, UndecodablePicture, TooManyPixels: naming the position of the first file that is to blame.
        """
        size, channels = version.size, _channels(version.channels)

        def decode(position: int) -> bytes:
            return _decode(files[position], position, size=size, channels=channels, max_pixels=self._max_pixels)

        began = time.perf_counter()
        with tracing.span("decode", attributes={"images": len(files)}):
            if len(files) == 1 and images.is_small(files[0]):
                pixels = [decode(0)]
            else:
                pixels = await self._each(decode, len(files), deadline=deadline)
        self._metrics.stage("decode", time.perf_counter() - began)
        return pixels

    async def run(self, work: Callable[[], T], *, deadline: float | None = None) -> T:
        """The result of `work`, done by one of the threads: making a picture ready and encoding it."""
        began = time.perf_counter()
        with tracing.span("encode"):
            result = (await self._each(lambda _: work(), 1, deadline=deadline))[0]
        self._metrics.stage("encode", time.perf_counter() - began)
        return result

    async def overlay(
        self, pixels: bytes, heat: bytes, *, size: int, channels: int, deadline: float | None = None
    ) -> Explanation:
        """The picture, uint8 [size, size, channels], with its heat map, uint8 [size, size], over it."""
        work = partial(_overlay, pixels, heat, size=size, channels=_channels(channels))
        png = (await self._each(lambda _: work(), 1, deadline=deadline))[0]
        return Explanation(base64=base64.b64encode(png).decode())

    async def _each(self, work: Callable[[int], T], count: int, *, deadline: float | None) -> list[T]:
        room = self._pace.room(self._max_queue_seconds, least=_FEWEST_WAITING, most=self._max_queued_images)
        if self._waiting and self._waiting + count > room:
            raise Busy()
        loop = asyncio.get_running_loop()
        self._waiting += count
        try:
            chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
            futures = [loop.run_in_executor(self._pool, _map, work, chunk) for chunk in chunks]
            async with asyncio.timeout_at(deadline):
                done = await asyncio.gather(*futures, return_exceptions=True)
        except TimeoutError:
            raise DeadlineExceeded() from None
        finally:
            self._waiting -= count
        self._pace.answered(count, now=self._clock(), waiting=max(0, self._waiting - self._threads))
        if not self._waiting:
            self._pace = Pace()  # what comes next may be of quite another size
        results: list[T] = []
        for part in done:
            if isinstance(part, BaseException):
                raise part
            results.extend(part)
        return results


def _map(work: Callable[[int], T], positions: Iterable[int]) -> list[T]:
    return [work(position) for position in positions]


def _decode(data: bytes, position: int, *, size: int, channels: Literal[1, 3], max_pixels: int) -> bytes:
    try:
        return images.decode(data, size=size, channels=channels, max_pixels=max_pixels)
    except images.NotAPicture:
        raise NotAPicture(position=position) from None
    except images.TooManyPixels:
        raise TooManyPixels(position=position, limit=max_pixels) from None
    except images.Undecodable:
        raise UndecodablePicture(position=position) from None


def _overlay(pixels: bytes, heat: bytes, *, size: int, channels: Literal[1, 3]) -> bytes:
    """PNG of the picture in grey with the heat over it, from transparent through orange to yellow."""
    side = max(size, _SMALLEST_OVERLAY)
    picture = Image.frombytes("L" if channels == 1 else "RGB", (size, size), pixels).convert("L").convert("RGB")
    picture = picture.resize((side, side), Image.Resampling.BICUBIC)
    strength = Image.frombytes("L", (size, size), heat).resize((side, side), Image.Resampling.BICUBIC)
    glow = Image.merge(
        "RGB",
        (
            strength.point(lambda value: min(255, 96 + value)),
            strength.point(lambda value: max(0, 2 * value - 255)),
            strength.point(lambda value: max(0, 64 - value)),
        ),
    )
    picture.paste(glow, mask=strength.point(lambda value: round(_HEAT_OPACITY * value)))
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _channels(count: int) -> Literal[1, 3]:
    return 1 if count == 1 else 3
