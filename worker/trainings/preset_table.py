"""What this worker can train: told to the api at the start, and timed when somebody asks for the cost."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from app.contract import presets
from app.contract.database import Database
from app.contract.errors import TrainingFailed
from worker.durable.runner import Work
from worker.trainings import reports
from worker.trainings.owned import Owned, Rules

_log = structlog.get_logger()

MODULE = "worker.trainings.preset_child"


class PresetTable:
    """The presets of this worker, which only a child process knows, since they come with torch."""

    def __init__(self, database: Database, *, folder: Path, rules: Rules) -> None:
        self._database = database
        self._folder = folder
        self._rules = rules

    def publish(self) -> None:
        """Tell the api. A worker that cannot is of no use for training, but its log says why."""
        try:
            told = self._ask({"preset": None, "settings": {}}, check=lambda: None)
        except TrainingFailed as error:
            _log.error("the presets are not known", reason=error.detail)
            return
        with self._database.session() as session:
            presets.offer(session, told["presets"])

    def probe(self, work: Work) -> dict[str, Any]:
        """The job that times a few steps; its output is the speed. Raises `TrainingFailed` or `Stopped`."""
        asked = work.job.request
        found = self._ask({"preset": asked["preset"], "settings": asked["settings"]}, check=work.check)
        if not asked["settings"]:
            with self._database.session() as session:
                rate, device = found["images_per_second"], found["device"]
                presets.measured(session, asked["preset"], images_per_second=rate, device=device)
        return found

    def _ask(self, request: dict[str, Any], *, check: Callable[[], None]) -> dict[str, Any]:
        with (
            tempfile.TemporaryDirectory(dir=self._folder) as scratch,
            Owned(MODULE, request, Path(scratch), rules=self._rules) as child,
        ):
            for report in child.reports(every_seconds=0.2):
                check()
                if isinstance(report, reports.Result):
                    return report.values
                if isinstance(report, reports.Failed):
                    raise TrainingFailed(reason=report.reason)
            last = child.tail.splitlines()[-1:] or ["no reason"]
        raise TrainingFailed(reason=f"the process that knows the presets died: {last[0]}")
