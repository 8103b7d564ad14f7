"""Jobs beside interactive work: in order, one at a time."""

import threading

from worker.job_thread import JobThread


def test_jobs_run_in_order_and_the_end_waits_for_the_one_at_hand():
    ran, go_on = [], threading.Event()

    def run(job_id: str) -> None:
        go_on.wait(10)
        ran.append(job_id)

    jobs = JobThread(run)
    jobs.start()
    for job_id in ("a", "b", "c"):
        jobs.submit(job_id)
    assert not jobs.stop(timeout_seconds=0.05)
    go_on.set()
    assert jobs.stop(timeout_seconds=10)
    assert ran == ["a", "b", "c"]
