"""`likeness worker`: one worker process, which takes this command's place."""

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Kind(StrEnum):
    """What a worker does."""

    INFER = "infer"
    TRAIN = "train"


def worker(kind: Annotated[Kind, typer.Argument(help="infer answers requests, train runs jobs.")]) -> None:
    """Run one worker process. It needs Redis, a database and a store; `likeness up` brings them all."""
    # By exec and not by import: nothing in the api's package may load torch.
    os.execv(sys.executable, (sys.executable, "-P", "-m", "worker", kind.value))
