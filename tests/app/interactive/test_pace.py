import pytest

from app.interactive.pace import FEWEST, REMEMBERED, Pace


class Line:
    """Batches of `images` that are answered one after the other, as a clock says that only this class moves."""

    def __init__(self, images: int = 10) -> None:
        self.images, self.pace, self.now = images, Pace(), 1000.0
        self.pace.answered(images, now=self.now, waiting=1)

    def answer(self, *, after: float, times: int = 1, waiting: int = 1) -> None:
        for _ in range(times):
            self.now += after
            self.pace.answered(self.images, now=self.now, waiting=waiting)

    def room(self, *, least: int = 1, most: int = 1000) -> int:
        return self.pace.room(1.0, least=least, most=most)


def test_a_line_is_as_long_as_what_is_answered_in_time() -> None:
    line = Line()
    line.answer(after=0.1, times=FEWEST)
    assert line.pace.seconds_an_image == pytest.approx(0.01)
    assert line.room() == pytest.approx(100, abs=1)


def test_nothing_is_known_at_first() -> None:
    line = Line()
    line.answer(after=0.1, times=FEWEST - 1)
    assert line.room(most=777) == 777


def test_a_network_that_is_loaded_before_its_first_answer_says_nothing() -> None:
    pace = Pace()
    for now in (30.0, 30.1, 30.2, 30.3, 30.4):  # it was asked at 0
        pace.answered(10, now=now, waiting=1)
    assert pace.seconds_an_image == pytest.approx(0.01)


def test_one_long_interval_says_nothing() -> None:
    line = Line()
    line.answer(after=0.1, times=2)
    line.answer(after=60)
    line.answer(after=0.1, times=2)
    assert line.pace.seconds_an_image == pytest.approx(0.01)


def test_who_answers_when_nobody_waits_is_not_measured_until_the_next() -> None:
    line = Line()
    line.answer(after=0.1, times=FEWEST)
    line.answer(after=0.1, waiting=0)
    line.answer(after=900)
    assert line.pace.seconds_an_image == pytest.approx(0.01)


def test_what_follows_a_failure_is_not_measured() -> None:
    line = Line()
    line.answer(after=0.1, times=FEWEST)
    line.pace.failed()
    line.answer(after=900)
    assert line.pace.seconds_an_image == pytest.approx(0.01)


def test_answers_that_come_two_at_a_time_are_measured_together() -> None:
    line = Line()
    for _ in range(REMEMBERED):
        line.answer(after=0.0)
        line.answer(after=0.2)
    assert line.pace.seconds_an_image == pytest.approx(0.01, rel=0.15)


def test_what_is_long_gone_by_is_forgotten() -> None:
    line = Line()
    line.answer(after=5, times=REMEMBERED)
    line.answer(after=0.1, times=REMEMBERED)
    assert line.room() == pytest.approx(100, abs=1)


def test_the_bounds_hold_whatever_the_pace() -> None:
    line = Line()
    line.answer(after=100, times=FEWEST)
    assert line.room(least=64) == 64
    assert line.room(least=64, most=8) == 8
    line.answer(after=1e-6, times=REMEMBERED)
    assert line.room(most=500) == 500
