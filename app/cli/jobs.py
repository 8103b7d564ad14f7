"""`likeness jobs`: durable work, listed, followed, steered.

likeness jobs
likeness jobs job_0123 --wait
likeness jobs job_0123 pause
"""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from app.cli import client, failure, following, output
from app.contract import training
from app.contract.states import JobState


class Action(StrEnum):
    """What can be asked of a job."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"


def jobs(
    job: Annotated[str | None, typer.Argument(metavar="[ID]", help="Tell about this job alone.")] = None,
    action: Annotated[
        Action | None, typer.Argument(help="What to ask of it. Only trainings can be paused and resumed.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end; exit code 1 if it fails.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """List the newest jobs, tell about one, or cancel, pause or resume it."""
    if wait and job is None:
        failure.fail("--wait follows one job: name it.", code=failure.USAGE)
    with client.service() as service:
        if job is None:
            answer = service.get("/v1/jobs")
        else:
            answer = _one(service, job, action, wait=wait, quiet=as_json)
    if as_json:
        output.document(answer)
    elif job is None:
        _print(answer["data"])
    elif action is not None and not wait:
        print(f"{answer['id']} is {answer['status']}")
    else:
        Console().print_json(data=answer)
    if wait and answer["status"] not in (JobState.SUCCEEDED, _wanted(action)):
        raise typer.Exit(failure.FAILED)


def _one(service: client.Client, job: str, action: Action | None, *, wait: bool, quiet: bool) -> Any:
    """The job as it is when all that was asked for has been done."""
    path = f"/v1/jobs/{quote(job, safe='')}"
    answer = service.get(path)
    if answer["kind"] == training.KIND:
        path = f"/v1/training-jobs/{answer['id']}"
        answer = service.get(path)
    elif action in (Action.PAUSE, Action.RESUME):
        failure.fail(f"{answer['id']} is no training; only trainings can be paused and resumed.")
    if action is not None:
        answer = service.post(f"{path}/{action}", {})
    if not wait:
        return answer
    if answer["object"] == "training_job":
        return following.training(service, answer["id"], quiet=quiet)
    return following.job(service, answer["id"], quiet=quiet)


def _wanted(action: Action | None) -> JobState | None:
    """How a job ends that did as it was asked."""
    match action:
        case Action.CANCEL:
            return JobState.CANCELLED
        case Action.PAUSE:
            return JobState.PAUSED
        case Action.RESUME | None:
            return None


def _print(rows: list[dict[str, Any]]) -> None:
    output.table(
        ("job", "kind", "status", "created"),
        [(row["id"], row["kind"], row["status"], row["created_at"]) for row in rows],
    )
