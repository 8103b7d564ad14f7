"""`likeness jobs`: durable work, listed or followed."""

import json
import time
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from app.cli import client, failure, progress
from app.contract.states import JobState

ASK_SECONDS = 0.5


def jobs(
    job: Annotated[str | None, typer.Argument(metavar="[ID]", help="Tell about this job alone.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end; exit code 1 if it fails.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the newest jobs, or tell about one."""
    if wait and job is None:
        failure.fail("--wait follows one job: name it.", code=failure.USAGE)
    try:
        with client.Client() as service:
            if job is None:
                answer = service.get("/v1/jobs")
            else:
                path = f"/v1/jobs/{quote(job, safe='')}"
                answer = _follow(service, path, quiet=as_json) if wait else service.get(path)
    except client.ServiceError as error:
        failure.fail(str(error))
    if as_json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
    elif job is None:
        _print(answer["data"])
    else:
        Console().print_json(data=answer)
    if wait and answer["status"] != JobState.SUCCEEDED:
        raise typer.Exit(failure.FAILED)


def _follow(service: client.Client, path: str, *, quiet: bool) -> Any:
    """Ask until the job has ended, and return its last state."""
    with progress.bar("waiting", total=None, quiet=quiet) as bar:
        while True:
            job = service.get(path)
            if JobState(job["status"]).final:
                return job
            counted = job.get("progress") or {}
            bar.show(done=counted.get("images", 0), total=counted.get("of"), title=job["status"])
            time.sleep(ASK_SECONDS)


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("job", "kind", "status", "created", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["id"], str(row.get("kind", "")), row["status"], str(row.get("created_at", "")))
    Console().print(table)
