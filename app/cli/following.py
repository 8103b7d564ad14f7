"""Following durable work from a terminal, until it has ended.

The work goes on without whoever follows it, so that a service that is away or busy is asked again.
"""

import time
from typing import Any

import typer

from app.cli import client, progress
from app.contract.states import JobState

ASK_SECONDS = 0.5
PAUSE_SECONDS = 2.0
"""Before a service that did not answer well is asked again, unless it says when."""
PATIENCE_SECONDS = 300.0
"""How long it may be away or busy."""


def dataset(service: client.Client, dataset_id: str, *, quiet: bool) -> Any:
    """Ask until the data set has been looked through; it as it is then."""
    with progress.bar("looking through", total=None, quiet=quiet) as bar:
        while True:
            found = _ask(service, f"/v1/datasets/{dataset_id}")
            if found["status"] != "validating":
                return found
            job = _ask(service, f"/v1/jobs/{found['job']}")
            bar.show(done=job["progress"]["images"], total=job["progress"]["of"], title="looking through")
            time.sleep(ASK_SECONDS)


def training(service: client.Client, job_id: str, *, quiet: bool) -> Any:
    """Ask until the training has ended or is paused; it as it is then. What happens goes to standard error."""
    told = 0
    with progress.bar("waiting", total=None, quiet=quiet) as bar:
        while True:
            job = _ask(service, f"/v1/training-jobs/{job_id}")
            told = told if quiet else _tell_events(service, job_id, after=told)
            counted = job["progress"]
            bar.show(done=counted["images"], total=counted["of"], title=_title(job))
            state = JobState(job["status"])
            if state.final or state is JobState.PAUSED:
                return job
            time.sleep(ASK_SECONDS)


def job(service: client.Client, job_id: str, *, quiet: bool) -> Any:
    """Ask until a job of any kind has ended; it as it is then."""
    with progress.bar("waiting", total=None, quiet=quiet) as bar:
        while True:
            found = _ask(service, f"/v1/jobs/{job_id}")
            if JobState(found["status"]).final:
                return found
            bar.show(done=found["progress"]["images"], total=found["progress"]["of"], title=found["status"])
            time.sleep(ASK_SECONDS)


def _ask(service: client.Client, path: str, **query: Any) -> Any:
    """Return the JSON answer to a GET, which is sent again while the service is away or busy.

    Raises:
        ServiceError: it refuses, or has been away or busy for too long.
    """
    last = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return service.get(path, **query)
        except client.ServiceError as error:
            if not error.temporary:
                raise
            if time.monotonic() > last:
                told = f"This has been so for {PATIENCE_SECONDS / 60:.0f} minutes; the work may go on all the same."
                raise client.ServiceError(f"{error} {told}", status=error.status) from error
            time.sleep(error.retry_after or PAUSE_SECONDS)


def _tell_events(service: client.Client, job_id: str, *, after: int) -> int:
    """Print what is worth a line; the number of the last event."""
    page = _ask(service, f"/v1/training-jobs/{job_id}/events", after=after, limit=1000)
    samples = [event for event in page["data"] if event["type"] == "sample"]
    for event in page["data"]:
        data = event["data"]
        match event["type"]:
            case "finding":
                typer.secho(f"after {data['images']}: {data['suggestion']}", err=True, fg=typer.colors.YELLOW)
            case "log":
                typer.secho(data["line"], err=True, fg=typer.colors.YELLOW)
            case "stage":
                typer.secho(data["stage"], err=True)
    if samples:
        images = samples[-1]["data"]["images"]
        typer.secho(f"sample: {service.url}/v1/training-jobs/{job_id}/samples/{images}.png", err=True)
    return int(page["last_id"] or after)


def _title(job: dict[str, Any]) -> str:
    """Status or stage, and the newest losses."""
    figures = [
        f"{name} {value:.4g}"
        for name, value in job["metrics"].items()
        if value is not None and ("loss" in name or name.endswith("accuracy"))
    ]
    rate = job["progress"]["images_per_second"]
    told = [job["stage"] if job["status"] == JobState.RUNNING else job["status"], *figures[:3]]
    return "  ".join([each for each in told if each] + ([f"{rate:.0f}/s"] if rate else []))
