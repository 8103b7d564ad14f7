"""The end of a training: the result is judged on held-out pictures, exported, published once, and perhaps promoted."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from app.contract import events, leases, registry, training
from app.contract.database import Database
from app.contract.errors import TrainingFailed, UnknownModel
from app.contract.registry import PRODUCTION, Version
from app.contract.store import Store, checkpoint_path
from app.contract.training import Snapshot, Stage, TrainingRequest
from worker import wakes
from worker.durable.runner import Work
from worker.trainings import reports
from worker.trainings.logbook import Logbook
from worker.trainings.owned import Owned, Rules
from worker.trainings.serving_check import ServingCheck

CHECKPOINT = "final.safetensors"
RIVAL = "rival.safetensors"
MOST_TRIES = 3


class Publishing:
    """Brings a run's final checkpoint into the registry.

    Args:
        rules: for the child that judges and exports.
        export: whether serving workers run ONNX graphs.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        client: redis.Redis,
        *,
        serving: ServingCheck,
        rules: Rules,
        export: bool,
    ) -> None:
        self._database = database
        self._store = store
        self._redis = client
        self._serving = serving
        self._rules = rules
        self._export = export

    def publish(
        self, work: Work, request: TrainingRequest, log: Logbook, *, snapshot: Snapshot, folder: Path
    ) -> dict[str, Any]:
        """Judge, export, publish and promote; the job's output. What an earlier attempt has done stays as it is.

        Raises:
            TrainingFailed: the result is not sane.
            Stopped, LeaseLost: the job leaves off here.
        """
        with self._database.session() as session:
            published = events.last(session, work.job.id, "published")
            decided = events.last(session, work.job.id, "promotion")
        facts = published.data if published else self._publish(work, request, log, snapshot=snapshot, folder=folder)
        promotion = decided.data if decided else self._promote(work, request, facts)
        return {"model": facts["model"], "metrics": facts["test"], **promotion}

    def _publish(
        self, work: Work, request: TrainingRequest, log: Logbook, *, snapshot: Snapshot, folder: Path
    ) -> dict[str, Any]:
        log.stage(Stage.EVALUATING)
        assert snapshot.model is not None
        self._store.download(checkpoint_path(_digest(snapshot.model)), folder / CHECKPOINT)
        rival = self._rival(request.model)
        if rival is not None:
            self._store.download(checkpoint_path(rival.digest), folder / RIVAL)
        found = self._finish(work, folder, rival=rival)
        if found["test"]:
            log.metrics(snapshot.images, {f"test_{name}": value for name, value in found["test"].items()})
        log.stage(Stage.PUBLISHING)
        facts = {
            "model": f"{request.model}@sha256:{_digest(snapshot.model)}",
            "test": found["test"] or {},
            "rival": f"{request.model}@sha256:{rival.digest}" if rival else None,
            "rival_test": found["rival"],
            "notes": found["why"],
        }
        with self._database.session() as session:
            # The event first: it asks for the lease, so that a worker that lost the job publishes nothing.
            leases.append(session, work.job, "published", facts)
            registry.publish(
                session,
                self._store,
                name=request.model,
                checkpoint=folder / CHECKPOINT,
                onnx=folder / found["onnx"] if found["onnx"] else None,
                source=work.job.id,
                card=card(request, work.job.id, facts, (folder / CHECKPOINT).read_bytes()),
                owner=work.job.owner,
                metrics={"test": found["test"]} if found["test"] else {},
            )
        wakes.job(self._redis, work.job.id)
        wakes.registry(self._redis, request.model)
        return facts

    def _finish(self, work: Work, folder: Path, *, rival: Version | None) -> dict[str, Any]:
        """What the finishing child found; it is tried again when it dies of something else than the checkpoint."""
        asked = {
            "export": self._export,
            "pictures": "pictures.zip",
            "checkpoint": CHECKPOINT,
            "rival": RIVAL if rival else None,
        }
        for _ in range(MOST_TRIES):
            with Owned("worker.trainings.finishing_child", asked, folder, rules=self._rules) as child:
                for report in child.reports(every_seconds=0.2):
                    work.check()
                    if isinstance(report, reports.Failed):
                        raise TrainingFailed(reason=report.reason)
                    if isinstance(report, reports.Result):
                        return report.values
                tail = child.tail
        raise TrainingFailed(reason=f"its result could not be judged: {tail.splitlines()[-1] if tail else 'no reason'}")

    def _promote(self, work: Work, request: TrainingRequest, facts: dict[str, Any]) -> dict[str, Any]:
        """Point `production` at the new version if the request and the figures say so."""
        wanted, why = verdict(request.promote, facts)
        if wanted:
            with self._database.session() as session:
                model = registry.model(session, request.model)
            if model is None:  # somebody has removed it already
                raise UnknownModel(model=request.model)
            fault = self._serving.fault(model.resolve(f"sha256:{_digest(facts['model'])}"), check=work.check)
            wanted, why = (False, fault) if fault else (True, why)
        with self._database.session() as session:
            before = _production(session, request.model)
            if wanted and request.promote == "if_better" and before != _digest(facts["rival"] or ":"):
                wanted, why = False, "another version went into production meanwhile"
            leases.append(session, work.job, "promotion", {"promoted": wanted, "why": why})
            if wanted:
                registry.point(session, model=request.model, alias=PRODUCTION, digest=_digest(facts["model"]))
        wakes.job(self._redis, work.job.id)
        wakes.registry(self._redis, request.model)
        return {"promoted": wanted, "why": why}

    def _rival(self, name: str) -> Version | None:
        with self._database.session() as session:
            model = registry.model(session, name)
        return model.resolve() if model is not None and PRODUCTION in model.aliases else None


def verdict(promote: training.Promote, facts: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether a new version should go into production, and why or why not."""
    test, rival = facts["test"], facts["rival_test"]
    match promote:
        case "never":
            return False, "it was not asked for"
        case "always":
            return True, "it was asked for"
        case "if_better":
            if facts["rival"] is None:
                return True, "nothing was in production"
            if not test or not rival:
                return False, "the two versions cannot be compared: " + "; ".join(facts["notes"])
            if "accuracy" in test:
                new, old = (test["accuracy"], -test["nll"]), (rival["accuracy"], -rival["nll"])
                told = (
                    f"accuracy {test['accuracy']:.4f} against {rival['accuracy']:.4f} on {test['count']:.0f} pictures"
                )
            else:
                new, old = (-test["frechet"], 0.0), (-rival["frechet"], 0.0)
                told = f"distance {test['frechet']:.4f} against {rival['frechet']:.4f} on {test['count']:.0f} pictures"
            return new > old, told


def card(request: TrainingRequest, job_id: str, facts: Mapping[str, Any], checkpoint: bytes) -> str:
    """The model card, in Markdown."""
    header = registry.read_header(checkpoint)
    figures = "\n".join(f"| {name} | {value:.4g} |" for name, value in facts["test"].items())
    settings = json.dumps(header["training"], indent=1, sort_keys=True)
    labels = ", ".join(header["labels"]) or "none"
    return (
        f"# {request.model}\n\n"
        f"A {header['kind']} trained by {job_id} with the preset `{request.preset}` on the data set "
        f"{request.dataset_name!r} ({request.dataset}).\n\n"
        f"Classes: {labels}. Input: {header['input']['size']} x {header['input']['size']} pixels, "
        f"{'grey' if header['input']['channels'] == 1 else 'colour'}.\n\n"
        f"| held-out pictures | |\n| --- | --- |\n{figures}\n\n"
        f"## Settings\n\n```json\n{settings}\n```\n"
    )


def _digest(ref: str) -> str:
    return ref.rpartition(":")[2]


def _production(session: Any, name: str) -> str:
    model = registry.model(session, name)
    return model.aliases.get(PRODUCTION, "") if model else ""
