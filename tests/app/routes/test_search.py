import pytest
from fastapi.testclient import TestClient

from tests.app import serving


def test_the_nearest_seeds_come_first_and_have_addresses(client: TestClient) -> None:
    told = client.get("/v1/seeds?like=ada&count=3").json()

    assert [(one["seed"], one["distance"]) for one in told["data"]] == [("0", 0.0), ("1", 0.1), ("2", 0.2)]
    assert (told["tried"], told["accepted"]) == (3, 3)
    assert client.get(told["data"][1]["url"]).headers["x-likeness-seed"] == "1"


def test_a_seed_of_the_bank_is_not_like_itself(client: TestClient) -> None:
    told = client.get("/v1/seeds?like=1&count=3").json()

    assert [one["seed"] for one in told["data"]] == ["0", "2", "3"]


def test_a_classifier_sifts_and_the_count_is_honest(client: TestClient) -> None:
    told = client.get("/v1/seeds?like=ada&count=4&accept=dim&min_confidence=0.6").json()

    expected = [str(n) for n in range(256) if brightness(str(n)) == 1][:4]
    assert [one["seed"] for one in told["data"]] == expected
    assert (told["accepted"], told["tried"]) == (4, int(expected[-1]) + 1)
    assert {one["prediction"]["label"] for one in told["data"]} == {"dim"}
    assert all(one["prediction"]["probability"] >= 0.6 for one in told["data"])


def brightness(seed: str) -> int:
    """The quarter of the scale in which a seed's grey lies: Pillow's luma of its one colour."""
    red, green, blue = serving.colour(seed)
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000 >> 16) // 64


def test_fresh_seeds_are_tried_when_none_is_named(client: TestClient) -> None:
    told = client.get("/v1/seeds?count=2&accept=bright&min_confidence=0.99").json()

    assert (told["data"], told["accepted"], told["tried"]) == ([], 0, 256)


def test_without_a_filter_any_seeds_do(client: TestClient) -> None:
    told = client.get("/v1/seeds?count=5&model=clothing-gan&label=dim").json()

    assert len({one["seed"] for one in told["data"]}) == 5
    assert "label=dim" in told["data"][0]["url"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("like=", "bad_option"),
        ("like=random", "bad_option"),
        ("count=0", "invalid_request"),
        ("count=65", "invalid_request"),
        ("truncation=2", "invalid_request"),
        ("min_confidence=2", "invalid_request"),
        ("model=clothing", "wrong_kind"),
        ("model=nothing", "unknown_model"),
        ("label=dim", "bad_option"),
        ("accept=shoe", "unknown_label"),
        ("classifier=clothing", "bad_option"),
        ("classifier=faces&accept=dim", "wrong_kind"),
    ],
)
def test_what_cannot_be_looked_for_is_refused(client: TestClient, query: str, code: str) -> None:
    assert client.get(f"/v1/seeds?{query}").json()["code"] == code
