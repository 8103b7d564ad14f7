"""What a client is told of an exception."""

import errno

import obstore.exceptions
import pytest
import redis
import sqlalchemy.exc

from app.contract.errors import BadOption
from worker import failures


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadOption(name="label", reason="is not known"), "bad_option"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (obstore.exceptions.GenericError("connection refused"), "storage_unavailable"),
        (sqlalchemy.exc.OperationalError("SELECT 1", {}, OSError("secret")), "storage_unavailable"),
        (redis.ConnectionError("refused"), "storage_unavailable"),
        (redis.TimeoutError("no answer"), "storage_unavailable"),
        (OSError(errno.ENOSPC, "No space left on secret"), "storage_unavailable"),
        (FileNotFoundError("secret"), "internal"),
        (ZeroDivisionError("secret"), "internal"),
    ],
)
def test_every_exception_has_a_code_and_tells_no_secret(error, code):
    told = failures.told(error)
    assert told.code == code
    assert "secret" not in told.detail
