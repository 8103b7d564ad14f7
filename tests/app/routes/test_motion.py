import io
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.contract import jobs, leases
from app.contract.database import Database
from app.contract.messages import Drawing
from app.contract.settings import Settings
from app.contract.states import JobState
from app.contract.store import Store
from app.drawing import portrait
from models import images
from tests.app import serving


def shades(content: bytes) -> list[tuple[int, ...]]:
    """The colour of each frame's first pixel."""
    found = []
    with Image.open(io.BytesIO(content)) as image:
        for number in range(image.n_frames):
            found.append(_seek(image, number).convert("RGB").getpixel((0, 0)))
    return found  # type: ignore[return-value]


def duration_ms(content: bytes) -> int:
    with Image.open(io.BytesIO(content)) as image:
        return sum(_seek(image, number).info["duration"] for number in range(image.n_frames))


def _seek(image: Image.Image, number: int) -> Image.Image:
    image.seek(number)
    image.load()
    return image


def near(one: tuple[int, ...], other: bytes) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(one, other, strict=True))


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    yield database
    database.close()


def test_a_walk_has_its_frames_and_each_is_drawn_once(client: TestClient, worker: serving.ProtocolWorker) -> None:
    before = len(worker.batches)

    answer = client.get("/v1/faces/m1/to/m2.webp?frames=10&fps=5&size=32")

    drawn = [drawing for batch in worker.batches[before:] for drawing in getattr(batch, "drawings", ())]
    assert answer.headers["content-type"] == "image/webp"
    assert len(shades(answer.content)) == 10
    assert near(shades(answer.content)[0], serving.colour("m1"))
    assert near(shades(answer.content)[5], serving.colour("m2"))
    assert [drawing.position for drawing in drawn] == [0, 0.104, 0.352, 0.648, 0.896, 0]
    assert {(drawing.seed, drawing.toward) for drawing in drawn[1:5]} == {("m1", "m2")}


def test_the_same_address_is_the_same_file_and_drawn_once(client: TestClient, worker: serving.ProtocolWorker) -> None:
    first = client.get("/v1/faces/m3/to/m4.gif?frames=4")
    before = len(worker.batches)
    again = client.get("/v1/faces/m3/to/m4.gif?frames=4", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert len(worker.batches) == before
    assert first.headers["access-control-allow-origin"] == "*"


def test_a_walk_may_go_by_way_of_others_and_stop_at_its_end(client: TestClient) -> None:
    content = client.get("/v1/faces/a/to/c.webp?via=b&frames=5&loop=false").content

    seen = shades(content)
    assert [near(seen[i], serving.colour(seed)) for i, seed in ((0, "a"), (2, "b"), (4, "c"))] == [True] * 3


def test_a_video_is_a_video(client: TestClient) -> None:
    pytest.importorskip("av", reason="needs the extra `video`")

    answer = client.get("/v1/faces/a/to/b.mp4?frames=4")

    assert answer.headers["content-type"] == "video/mp4"
    assert answer.content[4:8] == b"ftyp"


def test_a_seed_that_looks_like_a_walk_is_still_a_seed(client: TestClient) -> None:
    answer = client.get("/v1/faces/a%2Fto%2Fb.webp")

    assert answer.headers["x-likeness-seed"] == "a/to/b"
    assert client.get("/v1/faces/a/to/b.png").headers["content-type"] == "image/png"


def test_seeds_of_a_walk_may_hold_anything(client: TestClient) -> None:
    content = client.get("/v1/faces/%F0%9F%99%82%2Fto%2F/to/a%2Eb%3F.webp?frames=2&loop=false").content

    assert near(shades(content)[0], serving.colour("🙂/to/"))
    assert near(shades(content)[1], serving.colour("a.b?"))


@pytest.mark.parametrize(
    "query",
    ["frames=1", "frames=97", "fps=0", "fps=61", "loop=1", "frames=96&size=1024", "via=", "via=a,,b", "fallback=mp"],
)
def test_a_bad_walk_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/v1/faces/a/to/b.webp?{query}").status_code == 422


def test_animate_tells_where_the_walk_is(client: TestClient) -> None:
    asked = {"seeds": ["a", "b/c", 7], "frames": 6, "fps": 4, "size": 24, "edits": {"smile": 1.5}, "loop": False}

    told = client.post("/v1/animate", json=asked).json()

    assert (told["width"], told["frames"], told["seconds"], told["content_type"]) == (24, 6, 1.5, "image/webp")
    kept = client.get(told["url"])
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.post("/v1/animate", json=asked, headers={"Accept": "image/webp"}).content == kept.content


@pytest.mark.parametrize(
    "asked",
    [
        {"seeds": ["a"]},
        {"seeds": ["a", "b"], "frames": 97},
        {"seeds": ["a", "b,c", "d"]},
        {"seeds": ["a", "b"], "format": "apng"},
        {"seeds": ["a", "b"], "loop": 1},
        {"seeds": ["a", "b"], "edits": {"nose": 1}},
    ],
)
def test_a_bad_animation_is_refused(client: TestClient, asked: dict[str, object]) -> None:
    assert client.post("/v1/animate", json=asked).status_code == 422


def test_a_long_walk_is_a_job_whose_file_is_made_of_its_frames(
    client: TestClient, settings: Settings, database: Database
) -> None:
    asked = {"seeds": ["a", "b"], "frames": 120, "size": 24}
    accepted = client.post("/v1/animate", json=asked, headers={"Prefer": "respond-async"})
    assert accepted.status_code == 202
    place = accepted.headers["location"]
    assert client.get(f"{place}/walk.webp").status_code == 404

    work(database, Store(settings.store), place.rpartition("/")[2])

    job = client.get(place).json()
    assert job["output"]["url"] == f"{place}/walk.webp"
    assert (job["kind"], job["output"]["frames"], job["output"]["seconds"]) == ("animate", 120, 10.0)
    first, again = (client.get(job["output"]["url"]) for _ in range(2))
    assert first.content == again.content
    known = client.get(job["output"]["url"], headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert duration_ms(first.content) == 10_000
    assert near(shades(first.content)[0], serving.colour("a"))
    assert any(near(shade, serving.colour("b")) for shade in shades(first.content))
    assert client.get(f"{place}/walk.gif").status_code == 404


def work(database: Database, store: Store, job_id: str) -> None:
    """Do an `animate` job as a worker does: each drawing a PNG, and a record of each."""
    with database.session() as session:
        job = leases.claim(session, job_id, worker="test", lease_seconds=60)
    assert job is not None
    made = []
    for number, drawing in enumerate(map(Drawing.model_validate, job.request["drawings"])):
        raster = portrait.Raster(serving.painted(drawing) * serving.FACE**2, serving.FACE, serving.FACE, 3)
        store.put(f"jobs/{job.id}/output/{number}.png", portrait.encode(raster, format="png", metadata={}))
        made.append({"seed": drawing.seed, "name": f"{number}.png"})
    output = {"model": job.request["model"], "images": made, "timing": {}}
    with database.session() as session:
        leases.finish(session, job, JobState.SUCCEEDED, "done", output=output)


def test_the_frames_of_a_job_are_drawn_once_each(client: TestClient, database: Database) -> None:
    accepted = client.post(
        "/v1/animate", json={"seeds": ["a", "b"], "frames": 200}, headers={"Prefer": "respond-async"}
    )

    with database.session() as session:
        job = jobs.get(session, accepted.json()["id"])
    assert job is not None
    assert len(job.request["drawings"]) == 101
    assert len(job.request["walk"]["order"]) == 200
    assert images.XMP in job.request["walk"]["metadata"]
