"""Any exception as a failure that a client may be told: a code and a sentence, never a trace."""

import errno

import obstore.exceptions
import redis
import sqlalchemy.exc
import structlog

from app.contract.errors import InternalError, LikenessError, OutOfMemory, StorageUnavailable
from worker import memory

_log = structlog.get_logger()

_AWAY = (obstore.exceptions.BaseError, sqlalchemy.exc.OperationalError, redis.ConnectionError, redis.TimeoutError)
"""What is raised while a part that keeps things is away, or silent."""

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What the system says of a disk that takes nothing more."""


def told(error: Exception) -> LikenessError:
    """`error` itself when it is meant for clients, else the one that stands for it; what nobody expected is logged."""
    if isinstance(error, LikenessError):
        return error
    if memory.means_too_little(error):
        return OutOfMemory()
    if is_outage(error):
        _log.warning("storage does not answer", error=str(error))
        return StorageUnavailable()
    _log.error("unexpected failure", exc_info=error)
    return InternalError()


def is_outage(error: Exception) -> bool:
    """Whether the database, the store, Redis or a disk did not do what was asked, for a reason of its own."""
    return isinstance(error, _AWAY) or (isinstance(error, OSError) and error.errno in _DISK)
