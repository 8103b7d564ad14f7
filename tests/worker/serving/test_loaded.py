"""The engines in memory: one load each, the longest unused let go first."""

import threading

import pytest

from app.contract.errors import BadCheckpoint
from worker.serving.engine import Engine
from worker.serving.loaded import Loaded


class Sized(Engine):
    """An engine of a known size, larger than what a process grows by for no reason."""

    kind = "classifier"

    def __init__(self, digest: str) -> None:
        super().__init__(digest, weights_bytes=10**12)


def test_an_engine_is_loaded_once_and_kept():
    loads = []

    def load(digest: str) -> Engine:
        loads.append(digest)
        return Sized(digest)

    loaded = Loaded(load, budget_bytes=10**15)
    assert loaded.engine("a") is loaded.engine("a")
    assert loads == ["a"]


def test_the_longest_unused_goes_first_and_the_newest_never():
    loaded = Loaded(Sized, budget_bytes=2 * 10**12 + 10**11)
    for digest in ("a", "b", "a", "c"):
        loaded.engine(digest)
    assert loaded.digests() == ("a", "c")
    alone = Loaded(Sized, budget_bytes=1)
    alone.engine("a")
    alone.engine("b")
    assert alone.digests() == ("b",)


def test_many_who_ask_at_once_share_one_load():
    loads, begun, go_on = [], threading.Event(), threading.Event()

    def load(digest: str) -> Engine:
        loads.append(digest)
        begun.set()
        go_on.wait(10)
        return Sized(digest)

    loaded = Loaded(load, budget_bytes=10**15)
    got: list[Engine] = []
    threads = [threading.Thread(target=lambda: got.append(loaded.engine("a"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait(10)
    go_on.set()
    for thread in threads:
        thread.join()
    assert loads == ["a"]
    assert len({id(engine) for engine in got}) == 1
    assert len(got) == 4


def test_a_failed_load_is_told_and_tried_again():
    answers = iter([BadCheckpoint(reason="it is not there"), None])

    def load(digest: str) -> Engine:
        if (error := next(answers)) is not None:
            raise error
        return Sized(digest)

    loaded = Loaded(load, budget_bytes=10**15)
    with pytest.raises(BadCheckpoint):
        loaded.engine("a")
    assert loaded.engine("a").digest == "a"
