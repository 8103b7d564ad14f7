import base64
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.app import serving


def first(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [result["predictions"][0]["label"] for result in answer.json()["results"]]


def test_all_forms_of_a_body_are_alike(client: TestClient) -> None:
    data = serving.png(200)
    forms = [
        {"files": {"image": ("x.png", data, "image/png")}},
        {"content": data, "headers": {"content-type": "image/png"}},
        {"json": {"images": [{"base64": base64.b64encode(data).decode()}]}},
    ]
    answers = [client.post("/v1/classify", **form).json() for form in forms]
    assert answers[0]["results"] == answers[1]["results"] == answers[2]["results"]
    assert answers[0]["model"].startswith("clothing@sha256:")


def test_results_are_ranked_and_named(client: TestClient) -> None:
    body = {"content": serving.png(200), "headers": {"content-type": "image/png"}}
    result = client.post("/v1/classify", **body).json()["results"][0]
    assert result["predictions"][0] == {"label": "bright", "index": 3, "probability": 0.7}
    assert [entry["index"] for entry in result["predictions"]] == [3, 0, 1, 2]
    assert result["abstained"] is False
    assert result["explanation"] is None


def test_a_picture_beyond_what_the_model_knows_is_unfamiliar(client: TestClient) -> None:
    files = [("image", (f"{i}.png", serving.png(value), "image/png")) for i, value in enumerate((200, serving.STRANGE))]
    known, strange = client.post("/v1/classify", files=files).json()["results"]
    assert (known["unfamiliar"], strange["unfamiliar"]) == (False, True)
    limit = client.get("/v1/models/clothing").json()["versions"][0]["calibration"]["energy"]
    assert known["energy"] < limit < strange["energy"]


def test_order_is_kept(client: TestClient) -> None:
    values = [200, 10, 100, 150] * 16
    files = [("image", (f"{i}.png", serving.png(value), "image/png")) for i, value in enumerate(values)]
    assert first(client.post("/v1/classify", files=files)) == ["bright", "dark", "dim", "light"] * 16


@pytest.mark.parametrize("where", ["params", "data"])
def test_options_come_in_the_query_or_in_the_form(client: TestClient, where: str) -> None:
    files = {"image": ("x.png", serving.png(1), "image/png")}
    options = {"top_k": "1", "abstain_below": "0.9", "model": "clothing@production"}
    answer = client.post("/v1/classify", files=files, **{where: options})
    result = answer.json()["results"][0]
    assert (len(result["predictions"]), result["abstained"]) == (1, True)


def test_options_come_in_json(client: TestClient) -> None:
    body = {"images": [{"base64": base64.b64encode(serving.png(1)).decode()}], "top_k": 2, "abstain_below": 0.6}
    result = client.post("/v1/classify", json=body).json()["results"][0]
    assert (len(result["predictions"]), result["abstained"]) == (2, False)


def test_an_explanation_is_a_picture(client: TestClient) -> None:
    files = [("image", ("x.png", serving.png(value), "image/png")) for value in (1, 200)]
    for result in client.post("/v1/classify", files=files, data={"explain": "true"}).json()["results"]:
        picture = Image.open(io.BytesIO(base64.b64decode(result["explanation"]["base64"])))
        assert (picture.format, picture.size) == ("PNG", (224, 224))


def test_a_damaged_picture_is_named_by_its_position(client: TestClient) -> None:
    data = [serving.png(1), serving.png(1), serving.png(1)[:-30]]
    answer = client.post("/v1/classify", files=[("image", ("x.png", each, "image/png")) for each in data])
    assert answer.json()["errors"][0]["loc"] == ["body", "images", 2]


def test_it_tells_where_the_time_went(client: TestClient) -> None:
    body = {"content": serving.png(1), "headers": {"content-type": "image/png"}}
    timing = client.post("/v1/classify", **body).json()["timing"]
    assert timing["compute_ms"] == 2
    assert timing["total_ms"] > 0
