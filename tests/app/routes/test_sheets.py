import io

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.app import serving


def sheet(client: TestClient, query: str, extension: str = "png") -> Image.Image:
    answer = client.get(f"/v1/sheets.{extension}?{query}")
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


def test_seeds_stand_in_rows(client: TestClient) -> None:
    image = sheet(client, "seeds=a,b,c&columns=2&size=20&gap=4&background=00ff00")

    assert image.size == (44, 44)
    assert [image.getpixel(place) for place in ((0, 0), (24, 0), (0, 24))] == [
        tuple(serving.colour(seed)) for seed in "abc"
    ]
    assert image.getpixel((22, 22)) == (0, 255, 0)
    assert image.getpixel((40, 40)) == (0, 255, 0)


@pytest.mark.parametrize(("seeds", "columns"), [("a", 1), ("a,b", 2), ("a,b,c,d", 2), ("a,b,c,d,e", 3)])
def test_a_sheet_is_square_unless_it_is_told_otherwise(client: TestClient, seeds: str, columns: int) -> None:
    assert sheet(client, f"seeds={seeds}").width == columns * serving.FACE


def test_each_seed_has_its_expressions_in_a_row(client: TestClient, worker: serving.ProtocolWorker) -> None:
    before = len(worker.batches)

    image = sheet(client, "seeds=x1,x2&expressions=neutral;smile:2;smile:-1,age:1&edits=age:0.5")

    drawn = [drawing for batch in worker.batches[before:] for drawing in getattr(batch, "drawings", ())]
    assert image.size == (3 * serving.FACE, 2 * serving.FACE)
    assert [(drawing.seed, dict(drawing.edits)) for drawing in drawn][:3] == [
        ("x1", {"age": 0.5}),
        ("x1", {"age": 0.5, "smile": 2}),
        ("x1", {"age": 1, "smile": -1}),
    ]


def test_the_atlas_says_where_each_one_is_and_leads_to_the_picture(client: TestClient) -> None:
    told = client.get("/v1/sheets.json?seeds=a&expressions=all&size=20&gap=2").json()

    assert list(told["frames"]) == ["a/neutral", "a/age:2", "a/age:-2", "a/smile:2", "a/smile:-2"]
    assert told["frames"]["a/smile:2"] == {"frame": {"x": 66, "y": 0, "w": 20, "h": 20}}
    image = Image.open(io.BytesIO(client.get(told["meta"]["image"]).content))
    assert image.size == (told["meta"]["size"]["w"], told["meta"]["size"]["h"]) == (108, 20)


def test_a_sheet_is_kept_and_marked(client: TestClient) -> None:
    answer = client.get("/v1/sheets.webp?seeds=a,b")

    again = client.get("/v1/sheets.webp?seeds=a,b", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert b"trainedAlgorithmicMedia" in answer.content


@pytest.mark.parametrize(
    "address",
    [
        "sheets.png",
        "sheets.png?seeds=",
        "sheets.png?seeds=a,,b",
        "sheets.png?seeds=a,a",
        "sheets.png?seeds=a&columns=0",
        "sheets.png?seeds=a&gap=65",
        "sheets.gif?seeds=a",
        "sheets.json?seeds=a&sise=1",
        "sheets.png?seeds=a&expressions=",
        "sheets.png?seeds=a&expressions=smile",
        "sheets.png?seeds=a&expressions=smile:11",
        "sheets.png?seeds=a&expressions=nose:1",
        "sheets.png?seeds=a&expressions=smile:1;smile:1",
        "sheets.png?size=1024&seeds=" + ",".join(map(str, range(17))),
        "sheets.png?seeds=" + ",".join(map(str, range(65))),
    ],
)
def test_a_bad_sheet_is_refused(client: TestClient, address: str) -> None:
    assert client.get(f"/v1/{address}").status_code == 422
