"""A broker that was away for long is found again as soon as one that was away for a moment."""

import celery
import pytest
from kombu.exceptions import OperationalError
from kombu.utils import functional

from worker import reconnect


def test_pauses_do_not_grow_with_the_outage(tmp_path, monkeypatch):
    monkeypatch.setattr(functional, "sleep", lambda seconds: None)
    app = celery.Celery("test", set_as_current=False, amqp=reconnect.Steady, broker=f"redis+socket://{tmp_path}/none")
    pauses = []
    connection = app.connection_for_read().clone()  # as Celery's consumer makes one after each loss
    with pytest.raises(OperationalError):
        connection.ensure_connection(lambda error, pause: pauses.append(pause), 10, interval_max=30)
    assert pauses == [1.0] + 9 * [reconnect.LONGEST_PAUSE_SECONDS]
