"""The child's side of an owned process: how it begins, and how it is told to stop.

    python -m worker.trainings.training_child FOLDER DESCRIPTOR PARENT

FOLDER holds `request.json`; reports go to the file DESCRIPTOR; PARENT is the owner's process id.
"""

import ctypes
import json
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from worker.trainings.reports import Failed, Pipe

REQUEST = "request.json"

_PR_SET_PDEATHSIG = 1

Task = Callable[[dict[str, Any], Path, Pipe], None]


def run(task: Task) -> NoReturn:
    """Do `task(request, folder, pipe)` and end the process.

    What the request or the data are to blame for (`ValueError`, `FileNotFoundError`, `FloatingPointError`) is reported
    as `Failed`; anything else ends with a trace on standard error, and the owner may try again.
    """
    folder, descriptor, parent = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    _die_with(parent)
    pipe = Pipe(descriptor)
    request = json.loads((folder / REQUEST).read_text())
    threading.Thread(target=_listen, args=(request["silence_seconds"],), name="owner", daemon=True).start()
    _behave(threads=request["threads"], niceness=request["niceness"])
    try:
        task(request, folder, pipe)
    except (ValueError, FileNotFoundError, FloatingPointError) as error:
        pipe.tell(Failed(reason=str(error).rstrip(".") or type(error).__name__))
    sys.stdout.flush()
    # torch takes seconds to take itself down on a busy machine, and everything has been said.
    os._exit(0)


class StopFlag:
    """Becomes true when the owner asks for the end with SIGTERM."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the owner, who decides

    def _ask(self, *_: object) -> None:
        self.asked = True


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when its owner dies, so that no run goes on that nobody owns."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        os._exit(1)


def _listen(silence_seconds: float) -> None:
    """End this process when its owner is silent for too long: a frozen owner will lose the job, and another begins."""
    while select.select([0], [], [], silence_seconds)[0]:
        if not os.read(0, 4096):
            break
    os._exit(3)


def _behave(*, threads: int, niceness: int) -> None:
    import torch

    torch.set_num_threads(threads)
    os.nice(niceness)  # requests that people wait for come first
    warnings.filterwarnings("ignore")  # advice of libraries to their users, which nobody reads here
