"""What a worker loads before it says that it is ready."""

import structlog

from app.contract import registry
from app.contract.database import Database
from app.contract.errors import LikenessError
from worker.serving.loaded import Loaded

_log = structlog.get_logger()


def warm_up(database: Database, loaded: Loaded, *, first: tuple[str, ...]) -> None:
    """Load the production version of every model while the memory budget lasts, the models named `first` before others.

    A version that cannot be loaded is logged and left out: whoever asks for it is told, and all others are served.
    """
    with database.session() as session:
        models = registry.models(session)
    largest = 0  # a network takes more than its file, so that the next one is guessed from those before
    for model in sorted(models, key=lambda model: (model.name not in first, model.name)):
        digest = model.aliases.get(registry.PRODUCTION)
        if digest is None:
            continue
        version = model.resolve()
        free = loaded.free_bytes()
        if max(version.size_bytes, largest) > free:
            _log.info("left for later, since the memory budget is used", model=model.name)
            continue
        try:
            loaded.engine(digest)
        except LikenessError as error:
            _log.error("a production version cannot be loaded", model=version.ref, detail=error.detail)
        largest = max(largest, free - loaded.free_bytes())
