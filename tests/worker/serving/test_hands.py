"""Messages in the hands of threads: so many at a time, whatever becomes of one."""

import queue
import threading

import structlog.testing

from worker.serving.hands import Hands

LONG = 30.0  # seconds that nothing here takes


def test_so_many_messages_are_worked_on_at_a_time_and_no_more_is_taken():
    begun: queue.Queue[str] = queue.Queue()
    go = {name: threading.Event() for name in "abc"}

    def work(name: str) -> None:
        begun.put(name)
        go[name].wait(LONG)

    hands = Hands(2)
    give = hands.doing(work)
    giver = threading.Thread(target=lambda: [give(name) for name in "abc"])
    giver.start()
    assert {begun.get(timeout=LONG), begun.get(timeout=LONG)} == {"a", "b"}
    assert begun.empty()
    assert giver.is_alive()
    go["b"].set()
    assert begun.get(timeout=LONG) == "c"
    go["a"].set()
    go["c"].set()
    giver.join(LONG)
    hands.rest()


def test_a_message_that_cannot_be_answered_leaves_the_hand_free():
    answered: list[int] = []

    def work(number: int) -> None:
        if number < 3:
            raise MemoryError
        answered.append(number)

    hands = Hands(1)
    give = hands.doing(work)
    with structlog.testing.capture_logs() as said:
        for number in range(5):
            give(number)
        hands.rest()
    assert answered == [3, 4]
    assert [entry["event"] for entry in said] == ["a message was dropped"] * 3


def test_resting_waits_for_what_was_given():
    go, done = threading.Event(), threading.Event()

    def work(_message: None) -> None:
        go.wait(LONG)
        done.set()

    hands = Hands(2)
    hands.doing(work)(None)
    threading.Timer(0.05, go.set).start()
    hands.rest()
    assert done.is_set()
