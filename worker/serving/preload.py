"""Loads what becomes the production version of a model before anybody asks for it, so that a promotion stalls nobody.

The worker that tried the version has it in memory already; this is for all others.
"""

import threading

import redis
import structlog

from app.contract import registry, training
from app.contract.database import Database
from app.contract.messages import REGISTRY_CHANNEL
from worker import failures
from worker.serving.loaded import Loaded

_log = structlog.get_logger()

LISTEN_SECONDS = 1.0
PAUSE_SECONDS = 2.0
"""Before Redis is asked again after it did not answer."""


class Preload:
    """Follows the registry from a thread.

    Args:
        client: its connections must wait longer than `LISTEN_SECONDS` for an answer.
    """

    def __init__(self, client: redis.Redis, database: Database, loaded: Loaded) -> None:
        self._redis = client
        self._database = database
        self._loaded = loaded
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="preload", daemon=True)

    def start(self) -> None:
        """Begin to follow. What is missed while Redis is away is loaded when it is asked for."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no more. Does not wait for the end of a load, which may take long."""
        self._over.set()
        self._thread.join(2 * LISTEN_SECONDS)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._follow()
            except redis.RedisError:
                self._over.wait(PAUSE_SECONDS)

    def _follow(self) -> None:
        with self._redis.pubsub(ignore_subscribe_messages=True) as changes:
            changes.subscribe(REGISTRY_CHANNEL)
            while not self._over.is_set():
                message = changes.get_message(timeout=LISTEN_SECONDS)
                if message is not None:
                    self._hear_of(message["data"].decode(errors="replace"))

    def _hear_of(self, name: str) -> None:
        try:
            self._load(name)
        except Exception as error:  # whatever keeps this one away, the next promotion is to be heard of
            failure = failures.told(error)
            _log.error("a production version cannot be loaded", model=name, code=failure.code, detail=failure.detail)

    def _load(self, name: str) -> None:
        """Load the production version if there is room, or if it takes the place of one that is in memory."""
        if name.startswith(training.RUNS):  # checkpoints change every minute, and are looked at now and then
            return
        with self._database.session() as session:
            model = registry.model(session, name)
        if model is None or registry.PRODUCTION not in model.aliases:
            return
        version, here = model.resolve(), self._loaded.digests()
        served = any(other.digest in here for other in model.versions)
        if version.digest in here or not (served or version.size_bytes < self._loaded.free_bytes()):
            return
        self._loaded.engine(version.digest)
