"""A worker that is far larger than what it has loaded starts anew."""

import pytest

from worker import memory
from worker.serving import memory_watch
from worker.serving.engine import Engine
from worker.serving.loaded import Loaded
from worker.serving.memory_watch import MemoryWatch


class Sized(Engine):
    kind = "classifier"

    def __init__(self, digest: str) -> None:
        super().__init__(digest, weights_bytes=10**12)


@pytest.mark.parametrize(("rest_bytes", "too_large"), [(0, True), (10**12, False)])
def test_what_is_beside_the_networks_counts(monkeypatch, rest_bytes, too_large):
    monkeypatch.setattr(memory_watch, "REST_BYTES", rest_bytes)
    loaded = Loaded(Sized, budget_bytes=memory.resident_bytes() // 2)
    watch = MemoryWatch(budget_bytes=memory.resident_bytes() // 2, loaded=loaded, leave=lambda: None)
    assert watch.too_large() is too_large


def test_one_network_above_the_budget_is_no_reason(monkeypatch):
    monkeypatch.setattr(memory_watch, "REST_BYTES", 0)
    loaded = Loaded(Sized, budget_bytes=1)
    loaded.engine("a")
    assert not MemoryWatch(budget_bytes=1, loaded=loaded, leave=lambda: None).too_large()


def test_the_worker_is_told_once(monkeypatch):
    monkeypatch.setattr(memory_watch, "REST_BYTES", 0)
    monkeypatch.setattr(memory_watch, "EVERY_SECONDS", 0.01)
    told = []
    watch = MemoryWatch(budget_bytes=1, loaded=Loaded(Sized, budget_bytes=1), leave=lambda: told.append(True))
    watch.start()
    watch._thread.join(5)
    assert told == [True]
