"""The train worker: durable jobs of the queue `train`, in the main thread.

While a job runs, no message is taken, so that the next job waits in the queue, where any other train worker finds it.
"""

from app.contract.database import Database
from app.contract.messages import JOB_TASK, TRAIN_QUEUE
from app.contract.settings import Settings
from worker import redis_client
from worker.consumer import consume
from worker.reporter import Reporter
from worker.runner import Kind, Runner
from worker.warm_up import wait_for_schema

KINDS: dict[str, Kind] = {}
"""What a train worker can do."""


def serve(settings: Settings, *, name: str) -> int:
    """Serve until SIGTERM; the exit code."""
    client = redis_client.connect(settings.redis)
    # A run is a child process that imports torch; this process never does.
    reporter = Reporter(
        client,
        name=name,
        queue=TRAIN_QUEUE,
        device="cpu" if settings.device == "auto" else settings.device,
        engine="torch",
        loaded=tuple,
    )
    reporter.start()
    database = Database(settings.database)
    runner = Runner(
        database,
        client,
        worker=f"{name}/{reporter.boot[:8]}",
        kinds=KINDS,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )

    def leaving() -> None:
        reporter.draining()
        runner.leave()

    try:
        wait_for_schema(database)
        return consume(
            settings, queue=TRAIN_QUEUE, name=name, tasks={JOB_TASK: runner.run}, ready=reporter.ready, leaving=leaving
        )
    finally:
        reporter.stop()
        database.close()
