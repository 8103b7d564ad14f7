"""How fast a line moves, and so how many may stand in it.

A bound in images alone is wrong for every model but one: two thousand small pictures are waited for one second, two
thousand faces six. So a line is as long as what it is known to do in the time that waiting is still of use.
"""

from collections import deque

REMEMBERED = 16
"""Intervals that are gone by: at full speed, less than a second of them."""

FEWEST = 4
"""Intervals below which nothing is known."""


class Pace:
    """Seconds an image, learnt from answers that came while others waited.

    Only then does the time between two answers tell what the workers can do: an answer that nobody waits behind tells
    how long one batch takes, which is longer than its share where several are under way. Nothing is known of a line
    that has just begun, so a network that must be loaded first, or a process that has just started, refuses nobody.
    The longest interval is left out for the same reason: a network that was loaded meanwhile, a batch that was sent
    twice, and a worker that was replaced say nothing of what comes next.
    """

    def __init__(self) -> None:
        self._intervals: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)
        self._since: float | None = None
        self.seconds_an_image: float | None = None

    def answered(self, images: int, *, now: float, waiting: int) -> None:
        """Note an answer.

        Args:
            images: how many it answers.
            now: seconds of any steady clock.
            waiting: images that wait for their turn at this moment.
        """
        if self._since is not None:
            self._intervals.append((now - self._since, images))
            if len(self._intervals) >= FEWEST:
                longest = max(self._intervals)
                seconds = sum(interval for interval, _ in self._intervals) - longest[0]
                self.seconds_an_image = seconds / (sum(count for _, count in self._intervals) - longest[1])
        self._since = now if waiting else None

    def failed(self) -> None:
        """Note that what comes next says nothing: something went wrong."""
        self._since = None

    def room(self, seconds: float, *, least: int, most: int) -> int:
        """Images that are answered within so many seconds: at least `least`, and never more than `most`."""
        if not self.seconds_an_image:
            return most
        return min(most, max(least, int(seconds / self.seconds_an_image)))
