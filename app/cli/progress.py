"""A progress bar on standard error, so that standard output stays for results, and none where nobody looks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """What is done of one long thing."""

    def __init__(self, progress: Progress, title: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total)

    def advance(self, amount: float = 1) -> None:
        """Count `amount` more as done."""
        self._progress.advance(self._task, amount)

    def show(self, *, done: float, total: float | None, title: str) -> None:
        """Set the bar to what a service says, instead of counting here."""
        self._progress.update(self._task, completed=done, total=total, description=title)


@contextmanager
def bar(title: str, *, total: float | None, quiet: bool = False) -> Iterator[Bar]:
    """Show a bar for `total` steps while the block runs; `quiet` or a redirected terminal shows none."""
    title_column = TextColumn("{task.description}", markup=False)  # some titles are in a service's words
    columns = (title_column, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as progress:
        yield Bar(progress, title, total)
