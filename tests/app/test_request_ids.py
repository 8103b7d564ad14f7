import pytest
from fastapi.testclient import TestClient


def test_an_id_is_made(client: TestClient) -> None:
    first, second = (client.get("/healthz").headers["x-request-id"] for _ in range(2))
    assert first.startswith("req_")
    assert first != second


def test_the_clients_own_id_is_echoed(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "trace-1:2.3"}).headers["x-request-id"] == "trace-1:2.3"


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", 'a"b', "<script>"])
def test_an_id_that_could_do_harm_is_not(client: TestClient, sent: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": sent}).headers["x-request-id"].startswith("req_")
