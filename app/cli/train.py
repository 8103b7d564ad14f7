"""`likeness train`: from pictures to a network that can be called by name.

likeness train pictures-tiny --data clothes.zip --model my-clothes --promote if_better --watch
"""

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from pydantic import ValidationError
from rich.console import Console

from app.cli import client, datasets, failure, following, output
from app.contract.schemas.training import TrainingJobRequest
from app.contract.states import JobState


def train(
    preset: Annotated[str | None, typer.Argument(help="How to train; left out, the presets are listed.")] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="A data set's id, or files or a folder to upload.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Name under which the result is published.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Training pictures to see in all.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="About how long to train.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a setting, such as batch=64.")
    ] = None,
    resume_from: Annotated[str | None, typer.Option(help="A version to start from: name@sha256:...")] = None,
    promote: Annotated[str, typer.Option(help="never, always or if_better.")] = "never",
    watch: Annotated[bool, typer.Option("--watch", help="Follow the training to its end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell the settings and the cost, train nothing.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Train a network on pictures, and publish it under a name."""
    if preset is not None and (not data or not model):
        failure.fail("Say with --data what to train on, and with --model what to call the result.", code=failure.USAGE)
    if images is not None and minutes is not None:
        failure.fail("Give --images or --minutes, not both.", code=failure.USAGE)
    with client.service() as service:
        if preset is None:
            _list(service.get("/v1/presets"), as_json=as_json)
            return
        asked = {
            "preset": preset,
            "model": model,
            "settings": dict(_setting(each) for each in set_ or ()),
            "budget": {"images": images} if images else {"minutes": minutes} if minutes else None,
            "resume_from": resume_from,
            "promote": promote,
            "dry_run": dry_run,
        }
        # What is wrong with the wish itself is told before pictures are sent for it.
        _check(asked)
        service.get(f"/v1/presets/{quote(preset, safe='')}")
        dataset = _dataset(service, data or [], quiet=as_json)
        answer = service.post("/v1/training-jobs", {**asked, "dataset": dataset})
        if watch and not dry_run:
            answer = following.training(service, answer["id"], quiet=as_json)
    _tell(answer, as_json=as_json)


def _check(asked: dict[str, Any]) -> None:
    """End the command if no service would take this, whatever the data set."""
    try:
        TrainingJobRequest.model_validate({**asked, "dataset": ""})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        failure.fail(f"The training is not valid: {wrong}.", code=failure.USAGE)


def _dataset(service: client.Client, data: list[str], *, quiet: bool) -> str:
    """Id of the data set, which is uploaded first if it is files."""
    if len(data) == 1 and data[0].startswith("ds_") and not Path(data[0]).exists():
        return data[0]
    paths = [Path(each) for each in data]
    missing = [path for path in paths if not path.exists()]
    if missing:
        failure.fail(f"There is no {missing[0]}.", code=failure.USAGE)
    found = datasets.upload(service, paths, name=None, classes=None, quiet=quiet)
    if not quiet:
        datasets.tell(found)
    if found["status"] != "ready":
        raise typer.Exit(failure.FAILED)
    return str(found["id"])


def _setting(text: str) -> tuple[str, Any]:
    """A name, and a value as JSON where it is JSON, else as text."""
    name, equals, value = text.partition("=")
    if not equals:
        failure.fail(f"{text!r} is not NAME=VALUE.", code=failure.USAGE)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _list(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.document(answer)
        return
    rows = [(row["name"], row["kind"], f"{row['images']:,}", row["description"]) for row in answer["data"]]
    output.table(("preset", "kind", "pictures seen", "for"), rows)


def _tell(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.document(answer)
    elif answer["object"] == "training_plan":
        Console().print_json(data=answer)
    elif answer["result"]:
        result = answer["result"]
        print(result["model"])
        figures = ", ".join(f"{name} {value:.4g}" for name, value in result["metrics"].items())
        state = "in production" if result["promoted"] else "not in production"
        print(f"{figures or 'not measured'}; {state}: {result['why']}")
        if not result["promoted"]:
            name, _, version = result["model"].partition("@")
            print(f"likeness models promote {name} {version[:19]}  puts it into production.")
    else:
        print(f"{answer['id']} is {answer['status']}")
    if answer.get("status") in (JobState.FAILED, JobState.CANCELLED):
        if not as_json and answer["error"]:
            typer.secho(answer["error"]["detail"], err=True, fg=typer.colors.RED)
        raise typer.Exit(failure.FAILED)
