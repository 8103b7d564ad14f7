"""How a process lets others have the cores first."""

import contextlib
import os
import time
from pathlib import Path

TRIES = 20

_AUTOGROUP = Path("/proc/self/autogroup")


def give_way(niceness: int) -> None:
    """Take less of the cores than others who want them: so many steps of `nice`, as long as the process lives.

    Where Linux shares the cores between sessions first, as it does unless it is told otherwise, `nice` counts within a
    session alone. A process that leads its session, as those of `likeness up` do, sets it for the session, too.
    """
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # a kernel that does not do so
            _set_session(niceness)


def _set_session(niceness: int) -> None:
    for _ in range(TRIES):
        try:
            _AUTOGROUP.write_text(str(niceness))
        except BlockingIOError:  # Linux lets somebody do this ten times a second, all processes together
            time.sleep(0.1)
        else:
            return
