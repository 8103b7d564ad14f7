"""What becomes of a trained version: judged beside its rival, tried by a serving worker, promoted or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.contract import registry, training
from app.contract.database import now
from app.contract.jobs import Job
from app.contract.registry import Version
from app.contract.states import JobState
from tests.worker import running, trainable
from tests.worker.trainable import Bench
from worker.trainings import publishing
from worker.trainings.serving_check import ServingCheck

BLIND = {**trainable.FAST, "learning_rate": 1e-9, "images": 320}
"""A network that learns nothing."""


def judged(test: dict[str, float] | None, rival: dict[str, float] | None, *notes: str) -> dict[str, Any]:
    """What a finishing child found out about a new version and the one in production."""
    return {"test": test or {}, "rival": "squares@sha256:0", "rival_test": rival, "notes": list(notes)}


def accuracy(value: float, *, nll: float) -> dict[str, float]:
    return {"accuracy": value, "nll": nll, "ece": 0.01, "count": 200}


VERDICTS: dict[str, tuple[training.Promote, dict[str, Any], bool]] = {
    "never": ("never", judged(accuracy(1.0, nll=0.1), accuracy(0.5, nll=0.7)), False),
    "always": ("always", judged(accuracy(0.5, nll=0.7), accuracy(1.0, nll=0.1)), True),
    "more accurate": ("if_better", judged(accuracy(0.9, nll=0.4), accuracy(0.8, nll=0.3)), True),
    "less accurate": ("if_better", judged(accuracy(0.7, nll=0.2), accuracy(0.8, nll=0.3)), False),
    "as accurate and surer": ("if_better", judged(accuracy(0.8, nll=0.2), accuracy(0.8, nll=0.3)), True),
    "the same": ("if_better", judged(accuracy(0.8, nll=0.3), accuracy(0.8, nll=0.3)), False),
    "nearer": ("if_better", judged({"frechet": 60.0, "count": 200}, {"frechet": 70.0, "count": 200}), True),
    "further": ("if_better", judged({"frechet": 80.0, "count": 200}, {"frechet": 70.0, "count": 200}), False),
    "other classes": ("if_better", judged(accuracy(0.9, nll=0.4), None, "other classes"), False),
}


@pytest.mark.parametrize(("promote", "facts", "wanted"), VERDICTS.values(), ids=VERDICTS.keys())
def test_the_figures_and_the_wish_decide(promote: training.Promote, facts: dict[str, Any], wanted: bool) -> None:
    assert publishing.verdict(promote, facts)[0] is wanted


def test_a_first_version_is_better_than_nothing() -> None:
    facts = {**judged(None, None), "rival": None}
    assert publishing.verdict("if_better", facts) == (True, "nothing was in production")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, short_dir: Path) -> Iterator[Bench]:
    with trainable.bench(tmp_path_factory.mktemp("publishing"), short_dir / "publishing.sock") as bench:
        yield bench


def ended(bench: Bench, **changes: Any) -> Job:
    """A training that has succeeded."""
    return bench.until(bench.submit(**changes), lambda job: job.state is JobState.SUCCEEDED, seconds=300)


def production(bench: Bench) -> Version | None:
    with bench.database.session() as session:
        (model,) = [each for each in registry.models(session) if each.name == "squares"]
    return model.resolve() if model.aliases else None


def header(bench: Bench, ref: str) -> dict[str, Any]:
    """What a published version says of itself."""
    with bench.database.session() as session:
        versions = [version for model in registry.models(session) for version in model.versions]
    return next(version.header for version in versions if version.ref == ref)


def test_a_version_that_nobody_can_try_is_not_well(bench: Bench) -> None:
    version = Version(
        model="squares",
        digest="0" * 64,
        kind="classifier",
        header={},
        card="",
        source="job_1",
        size_bytes=1,
        created_at=now(),
    )
    check = ServingCheck(bench.settings, bench.client.redis)
    assert check.fault(version, check=lambda: None) == "no serving worker is there to try it"


@pytest.mark.timeout(600)
def test_only_a_better_version_takes_the_place_of_the_one_in_production(bench: Bench) -> None:
    with trainable.worker(bench, "train-0"):
        infer = {"LIKENESS_DATABASE_URL": bench.settings.database, "LIKENESS_STORE_URL": bench.settings.store}
        with running.worker(bench.settings, bench.client, name="infer-0", LIKENESS_CPU_ENGINE="torch", **infer):
            blind = ended(bench, settings={**BLIND, "seed": 1}, promote="always").output
            better = ended(bench, promote="if_better", resume_from=blind["model"]).output
            assert blind is not None
            assert better is not None
            assert better["promoted"]
            assert better["metrics"]["accuracy"] == 1
            assert better["metrics"]["nll"] < blind["metrics"]["nll"]
            told = f"accuracy {better['metrics']['accuracy']:.4f} against {blind['metrics']['accuracy']:.4f} on"
            assert better["why"].startswith(told)
            assert header(bench, better["model"])["training"]["initial"] == blind["model"].rpartition(":")[2]

            worse = ended(bench, settings={**BLIND, "seed": 2}, promote="if_better").output
            assert worse is not None
            assert worse["metrics"]["nll"] > better["metrics"]["nll"]
            assert not worse["promoted"]
            found = production(bench)
            assert found is not None
            assert found.ref == better["model"]
            assert found.header["metrics"]["test"]["accuracy"] == 1
            assert "accuracy" in found.header["metrics"]["validation"]
