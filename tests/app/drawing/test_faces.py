import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from app import redis_client
from app.access import limits
from app.access.limits import Limits, Spender
from app.access.usage import Usage
from app.contract.database import now
from app.contract.errors import Busy, DeadlineExceeded, LikenessError, LimitReached
from app.contract.messages import Drawing, GenerateBatch, InteractiveBatch, Reply
from app.contract.registry import Version
from app.contract.settings import Settings
from app.drawing import certificate
from app.drawing.credentials import Credentials
from app.drawing.face_cache import FaceCache
from app.drawing.faces import Faces, Made
from app.interactive.codec import Codec
from app.interactive.dispatch import Dispatcher
from app.interactive.inference import Inference
from app.interactive.publisher import Publisher
from app.interactive.workers import Workers
from app.metrics import Metrics
from app.signals import Signals
from tests.app import serving

pytestmark = pytest.mark.anyio

NO_REDIS = "redis://127.0.0.1:1"  # allowances are counted in memory then
PATIENCE_SECONDS = 30.0
SHORT_SECONDS = 0.05
BATCHES, QUEUED = 2, 2

POOR, RICH = Spender("poor", "key", limited=True), Spender("rich", "address", limited=True)
"""Who may have one image, and who may have as many as it likes."""

VERSION = Version(
    model="faces",
    digest="0" * 64,
    kind="generator",
    header={"input": {"size": serving.FACE, "channels": 3}, "labels": [], "extras": {}},
    card="",
    source="bundled",
    size_bytes=1,
    created_at=now(),
)


class HeldWorker(Dispatcher):
    """Answers each batch with grey pictures, as soon as `go` is set."""

    def __init__(self, settings: Settings) -> None:
        client, publisher = redis_client.connect(NO_REDIS), Publisher(settings)
        super().__init__(client, publisher, Workers(client, Signals(client), on_poll=publisher.note))
        self.go = asyncio.Event()
        self.taken: list[str] = []

    @property
    def workers(self) -> int:
        return 1

    async def send(
        self, batch: InteractiveBatch, *, deadline: float, payload: Mapping[str, bytes] | None = None
    ) -> tuple[Reply, memoryview]:
        assert isinstance(batch, GenerateBatch)
        self.taken += [drawing.seed for drawing in batch.drawings]
        await self.go.wait()
        shape = (len(batch.drawings), serving.FACE, serving.FACE, 3)
        return Reply(batch=batch.id, shape=shape), memoryview(bytes(len(batch.drawings) * serving.FACE**2 * 3))


class Drawer:
    """Faces before a held worker."""

    def __init__(self, settings: Settings) -> None:
        self.worker = HeldWorker(settings)
        self.codec = Codec(Settings(home=settings.home, codec_threads=1), Metrics())
        client = redis_client.connect(NO_REDIS)
        self.inference = Inference(self.worker, Limits(client, settings), Metrics(), settings)
        credentials = Credentials(lambda: certificate.load(settings))
        usage = Usage(client, budget=0)
        self.faces = Faces(self.inference, self.codec, FaceCache(1_000_000), credentials, usage)

    def ask(
        self, *seeds: str, seconds: float = PATIENCE_SECONDS, spender: Spender | None = None
    ) -> asyncio.Task[list[Made]]:
        """A request for faces that waits for so long, in the name of `spender`."""

        async def draw() -> list[Made]:
            limits.spender.set(spender)
            drawings = [Drawing(seed=seed) for seed in seeds]
            deadline = asyncio.get_running_loop().time() + seconds
            return await self.faces.draw(VERSION, drawings, format="png", size=None, deadline=deadline)

        return asyncio.create_task(draw())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        redis_url=NO_REDIS,
        max_batch_images=1,
        in_flight_batches=BATCHES,
        max_queued_images=QUEUED,
        key_images_per_minute=1,
        address_images_per_minute=0,
    )


@pytest.fixture
async def drawer(settings: Settings) -> AsyncIterator[Drawer]:
    drawer = Drawer(settings)
    async with drawer.codec, drawer.inference:
        yield drawer


async def outcome(asked: asyncio.Task[list[Made]]) -> type[LikenessError] | None:
    """What became of a request: the error, or None for a picture."""
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        try:
            await asked
        except LikenessError as error:
            return type(error)
    return None


async def test_who_joins_a_drawing_waits_longer_than_its_first_asker(drawer: Drawer) -> None:
    hasty, patient = drawer.ask("ada", seconds=SHORT_SECONDS), drawer.ask("ada")
    assert await outcome(hasty) is DeadlineExceeded
    drawer.worker.go.set()
    assert await outcome(patient) is None
    assert drawer.worker.taken == ["ada"]


async def test_who_joins_a_drawing_gives_up_before_its_first_asker(drawer: Drawer) -> None:
    patient, hasty = drawer.ask("ada"), drawer.ask("ada", seconds=SHORT_SECONDS)
    assert await outcome(hasty) is DeadlineExceeded
    assert not patient.done()
    drawer.worker.go.set()
    assert await outcome(patient) is None


async def test_a_drawing_that_several_wait_for_is_drawn_for_one(drawer: Drawer) -> None:
    asked = [drawer.ask("ada") for _ in range(3)]
    await settled(lambda: bool(drawer.worker.taken))
    drawer.worker.go.set()
    assert [made.drawn for each in asked for made in await each] == [1, 0, 0]


async def test_an_allowance_that_is_too_small_refuses_nobody_else(drawer: Drawer) -> None:
    drawer.worker.go.set()
    poor, rich = drawer.ask("ada", "bob", spender=POOR), drawer.ask("ada", "bob", spender=RICH)
    assert await outcome(poor) is LimitReached
    assert await outcome(rich) is None
    assert sorted(drawer.worker.taken) == ["ada", "bob"]


async def test_a_share_of_the_queue_that_is_full_refuses_nobody_else(drawer: Drawer) -> None:
    greedy = []
    for number in range(BATCHES + QUEUED):
        greedy.append(drawer.ask(str(number), spender=RICH))
        await settled(lambda: len(drawer.worker.taken) + drawer.inference.waiting_images == len(greedy))
    more, other = drawer.ask("ada", spender=RICH), drawer.ask("ada")
    assert await outcome(more) is Busy
    drawer.worker.go.set()
    for asked in (other, *greedy):
        assert await outcome(asked) is None


async def settled(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not so():
            await asyncio.sleep(0.001)
