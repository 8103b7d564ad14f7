"""The Open Inference Protocol: by hand, and with Triton's own client where it is installed."""

import base64
import json
import struct
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving

INFER = "/v2/models/clothing/infer"
SIDE = serving.SIZE


def pixels(*values: int) -> dict[str, object]:
    data = [value for value in values for _ in range(SIDE * SIDE)]
    return {"name": "pixels", "shape": [len(values), SIDE, SIDE, 1], "datatype": "UINT8", "data": data}


def test_the_server_and_its_models_tell_of_themselves(client: TestClient) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data", "classification", "model_repository"]
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    told = client.get("/v2/models/clothing").json()
    assert told["inputs"][0] == {"name": "pixels", "datatype": "UINT8", "shape": [-1, SIDE, SIDE, 1]}
    assert told["outputs"][0] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 4]}
    pinned = f"/v2/models/clothing/versions/{told['versions'][0][:12]}"
    assert client.get(pinned).json() == told
    assert client.get(f"{pinned}/ready").json() == {"name": "clothing", "ready": True}
    names = {entry["name"]: entry["state"] for entry in client.post("/v2/repository/index").json()}
    # Other tests of the same service bring models of their own.
    assert names.items() >= {"clothing": "READY", "faces": "READY", "clothing-gan": "READY"}.items()


def test_pixels_in_json_are_classified(client: TestClient) -> None:
    told = client.post(INFER, json={"id": "7", "inputs": [pixels(10, 250)]}).json()

    assert (told["id"], told["model_name"]) == ("7", "clothing")
    probabilities, energies = told["outputs"]
    assert probabilities["shape"] == [2, 4]
    assert probabilities["data"] == pytest.approx([0.7, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.7])
    assert energies["data"] == pytest.approx([-0.7, -0.7])


def test_files_are_decoded_as_everywhere_else(client: TestClient) -> None:
    file = base64.b64encode(serving.png(250)).decode()

    told = client.post(INFER, json={"inputs": [{"name": "files", "shape": [1], "datatype": "BYTES", "data": [file]}]})

    assert told.json()["outputs"][0]["data"] == pytest.approx([0.1, 0.1, 0.1, 0.7])


def test_the_classification_extension_names_the_best(client: TestClient) -> None:
    wanted = [{"name": "probabilities", "parameters": {"classification": 1}}]

    told = client.post(INFER, json={"inputs": [pixels(10, 250)], "outputs": wanted}).json()

    assert told["outputs"][0]["data"] == ["0.700000:0:dark", "0.700000:3:bright"]


def test_a_binary_answer_has_its_tensors_behind_the_json(client: TestClient) -> None:
    sent = {"inputs": [pixels(10)], "outputs": [{"name": "energies", "parameters": {"binary_data": True}}]}

    answer = client.post(INFER, json=sent)

    length = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.content[:length])["outputs"][0]["parameters"] == {"binary_data_size": 4}
    assert struct.unpack("<f", answer.content[length:])[0] == pytest.approx(-0.7)


@pytest.mark.parametrize(
    "seeds",
    [
        {"shape": [2], "datatype": "BYTES", "data": ["ada", "7"]},
        {"shape": [2], "datatype": "INT64", "data": [-3, 7]},
    ],
)
def test_seeds_are_drawn(client: TestClient, seeds: dict[str, object]) -> None:
    sent = {"inputs": [{"name": "seeds", **seeds}], "parameters": {"truncation": 0.5}}

    told = client.post("/v2/models/faces/infer", json=sent).json()

    drawn = told["outputs"][0]
    assert drawn["shape"] == [2, serving.FACE, serving.FACE, 3]
    assert bytes(drawn["data"][-3:]) == serving.colour("7")


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (INFER, {"inputs": []}),
        (INFER, {"inputs": [pixels()]}),
        (INFER, {"inputs": [{**pixels(1), "shape": [1, 1, SIDE * SIDE, 1]}]}),
        (INFER, {"inputs": [pixels(1), {"name": "files", "shape": [0], "datatype": "BYTES", "data": []}]}),
        (INFER, {"inputs": [pixels(*range(65))]}),
        (INFER, {"inputs": [pixels(1)], "outputs": [{"name": "logits"}]}),
        (INFER, {"inputs": [pixels(1)], "outputs": [{"name": "probabilities", "parameters": {"classification": 0}}]}),
        (INFER, {"inputs": [pixels(1)], "outputs": [{"name": "energies", "parameters": {"classification": 1}}]}),
        (INFER, {"inputs": [{"name": "files", "shape": [1], "datatype": "BYTES", "data": ["bm9uZQ=="]}]}),
        ("/v2/models/faces/infer", {"inputs": [pixels(1)]}),
        (
            "/v2/models/faces/infer",
            {
                "inputs": [{"name": "seeds", "shape": [1], "datatype": "INT32", "data": [1]}],
                "parameters": {"truncation": 2},
            },
        ),
        ("/v2/models/nothing/infer", {"inputs": [pixels(1)]}),
        ("/v2/models/clothing/versions/000000000000/infer", {"inputs": [pixels(1)]}),
    ],
)
def test_a_bad_request_has_the_protocols_error_and_ours(client: TestClient, path: str, sent: dict[str, object]) -> None:
    answer = client.post(path, json=sent)

    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"] == answer.json()["detail"]


def test_a_body_that_is_no_json_is_refused(client: TestClient) -> None:
    assert client.post(INFER, content=b"\xff{").json()["error"]


@pytest.fixture(scope="module")
def address(settings: Settings, worker: serving.ProtocolWorker) -> Iterator[str]:
    with serving.listening(create_app(settings)) as url:
        yield url


def test_tritons_own_client_works_unchanged(address: str) -> None:
    http = pytest.importorskip("tritonclient.http", reason="needs tritonclient[http]")
    import numpy as np

    client = http.InferenceServerClient(address.removeprefix("http://"))
    given = http.InferInput("pixels", [2, SIDE, SIDE, 1], "UINT8")
    given.set_data_from_numpy(np.stack([np.full((SIDE, SIDE, 1), value, np.uint8) for value in (10, 250)]))

    assert client.is_server_ready()
    assert client.is_model_ready("clothing")
    found = client.infer("clothing", [given]).as_numpy("probabilities")
    ranked = client.infer("clothing", [given], outputs=[http.InferRequestedOutput("probabilities", class_count=2)])
    seeds = http.InferInput("seeds", [1], "BYTES")
    seeds.set_data_from_numpy(np.array([b"ada"], dtype=object))
    drawn = client.infer("faces", [seeds], parameters={"truncation": 0.7}).as_numpy("pixels")
    with pytest.raises(http.InferenceServerException, match="there are probabilities"):
        client.infer("clothing", [given], outputs=[http.InferRequestedOutput("logits")])
    client.close()

    assert found.argmax(1).tolist() == [0, 3]
    assert ranked.as_numpy("probabilities")[0, 0] == b"0.700000:0:dark"
    assert drawn[0, 0, 0].tolist() == list(serving.colour("ada"))
