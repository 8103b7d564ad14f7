"""The life of a durable job: its states and the one table of legal moves."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a durable job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return not MOVES[self]

    @property
    def held(self) -> bool:
        """Whether a worker holds the job under a lease."""
        return self in HELD


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(
        {
            JobState.QUEUED,  # its worker was lost, or is going away
            JobState.PAUSING,
            JobState.CANCELLING,
            JobState.SUCCEEDED,
            JobState.FAILED,
        }
    ),
    JobState.PAUSING: frozenset(
        {JobState.PAUSED, JobState.QUEUED, JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED}
    ),
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED}),
    JobState.CANCELLED: frozenset(),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
}

HELD = frozenset({JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING})


class ForbiddenMove(Exception):
    """A move that the table does not allow: a programmer's mistake, or a race that the caller must handle."""

    def __init__(self, current: JobState, wanted: JobState) -> None:
        super().__init__(f"a job that is {current} cannot become {wanted}")
        self.current, self.wanted = current, wanted


def check_move(current: JobState, wanted: JobState) -> None:
    """Raise `ForbiddenMove` unless `wanted` may follow `current`."""
    if wanted not in MOVES[current]:
        raise ForbiddenMove(current, wanted)
