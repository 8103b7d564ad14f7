"""The processes of one self-contained service, as `likeness up` runs them: which, in which order, with which settings.

Redis comes first and goes last. The api's socket is opened here and handed down, so that a port that is taken is told
before anything starts, and clients wait in the socket's queue, rather than being refused, while an api restarts.
"""

import asyncio
import contextlib
import functools
import importlib.util
import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from app.contract import cores
from app.contract.settings import Settings
from app.host import embedded, home, prepare, supervisor

MAX_EARLY_DEATHS = 4  # of one process before the service was ever ready: it will not become ready by itself
READY_SECONDS = 60.0  # after this long the service says what it still waits for, and goes on waiting
BACKLOG = 2048

Write = Callable[[str, str], None]


class StackError(Exception):
    """The service cannot start; the message says what helps."""


class Stack:
    """One service in one home directory.

    Args:
        settings: what the service is to run with; every process gets the same.
        workers: infer worker processes. One fills a CPU; several GPUs want one each.
        write: takes the name of a process and a line about it.
        on_ready: takes the service's address and the seconds it took, once.
    """

    def __init__(
        self, settings: Settings, *, workers: int, write: Write, on_ready: Callable[[str, float], None]
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._write = write
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._supervisor = supervisor.Supervisor(write)

    async def run(self) -> None:
        """Run until Ctrl-C, SIGTERM or SIGHUP, and leave no process behind. A second signal kills instead of waiting.

        Raises:
            StackError, home.HomeInUse, embedded.EmbeddedRedisError: it cannot start.
        """
        began = time.monotonic()
        self._check()
        with home.occupied(self._settings.home), self._listen() as listener, self._signals():
            started = asyncio.create_task(self._start(listener))
            stop = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait({started, stop}, return_when=asyncio.FIRST_COMPLETED)
                if started.done():
                    started.result()
                    await self._announce(listener, began=began)
                    await stop
            finally:
                started.cancel()
                stop.cancel()
                listener.close()
                await self._take_down()

    def _check(self) -> None:
        if not self._settings.on_loopback and self._settings.admin_key is None:
            raise StackError(
                f"{self._settings.host} can be reached from other machines. Set LIKENESS_ADMIN_KEY to a long random "
                "text first, or listen on 127.0.0.1."
            )
        if importlib.util.find_spec("torch") is None:
            raise StackError("The workers need PyTorch, which is not installed: `pip install likeness[worker]`.")

    def _listen(self) -> socket.socket:
        host, port = self._settings.host, self._settings.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise StackError(
                f"The service cannot listen on {host}, port {port}: {error.strerror}. Choose another port with "
                "--port; 0 takes any free one."
            ) from None

    async def _start(self, listener: socket.socket) -> None:
        settings = self._settings
        if not settings.redis_url:
            path = Path(settings.redis.removeprefix("unix://"))
            server = embedded.find_server()
            self._write("redis", f"starting {server} on {path}")
            clear = functools.partial(embedded.remove_leftovers, path.parent)
            await self._supervisor.start(
                supervisor.Program("redis", embedded.command(path, server=server), before=clear, stop_seconds=20)
            )
            await asyncio.to_thread(embedded.wait_until_answers, path, timeout=30)
        published = await asyncio.to_thread(prepare.prepare, settings, checkpoints=prepare.bundled_checkpoints())
        names = ", ".join(version.model for version in published) or "none"
        self._write("likeness", f"the database is up to date; bundled models: {names}")
        port = listener.getsockname()[1]
        self._write("likeness", f"starting the api on port {port}, {self._workers} infer and 1 train worker")
        for program in programs(settings, listener=listener, workers=self._workers):
            await self._supervisor.start(program)

    async def _announce(self, listener: socket.socket, *, began: float) -> None:
        """Wait until the service says it is ready, or is told to stop, and tell the person in front of it.

        Raises:
            StackError: a process dies again and again instead.
        """
        address = _address(listener)
        told = False
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=5) as client:
            while not self._stop.is_set():
                missing = await _missing(client)
                if not missing:
                    self._on_ready(address, time.monotonic() - began)
                    return
                self._give_up_on_what_cannot_start()
                if not told and time.monotonic() - began > READY_SECONDS:
                    told = True
                    self._write("likeness", f"is not ready after {READY_SECONDS:.0f} s; it waits for {missing}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await self._stop.wait()

    def _give_up_on_what_cannot_start(self) -> None:
        for name, deaths in self._supervisor.deaths().items():
            if deaths > MAX_EARLY_DEATHS:
                raise StackError(f"{name} ended {deaths} times before the service was ready; its lines above say why.")

    async def _take_down(self) -> None:
        names = self._supervisor.pids()
        await self._supervisor.stop("api")
        await self._supervisor.stop(*(name for name in names if name not in {"api", "redis"}))
        await self._supervisor.stop("redis")

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn the first signal into an orderly stop and the second into a kill."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

        def handle() -> None:
            if self._stop.is_set():
                self._supervisor.kill()
            else:
                self._write("likeness", "stopping; once more kills")
                self._stop.set()

        for number in numbers:
            loop.add_signal_handler(number, handle)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def programs(settings: Settings, *, listener: socket.socket, workers: int) -> tuple[supervisor.Program, ...]:
    """Return the api, the infer workers and the train worker, in the order they are started in.

    The infer workers share the cores; the train worker starts its own children when there is something to train.
    """
    common = environment(settings) | {"PYTHONUNBUFFERED": "1", "LIKENESS_PORT": str(listener.getsockname()[1])}
    threads = str(settings.worker_threads or max(1, cores.available() // workers))
    # -P keeps a folder named `app` where the person happens to stand from being taken for ours.
    python = (sys.executable, "-P", "-m")
    fd = listener.fileno()
    names = ["infer"] if workers == 1 else [f"infer-{number}" for number in range(1, workers + 1)]
    devices = infer_devices(settings.device, workers=workers)
    return (
        supervisor.Program("api", (*python, "app.server", "--fd", str(fd)), common, (fd,), stop_seconds=8),
        *(
            supervisor.Program(
                name,
                (*python, "worker", "infer", "--name", name),
                common | {"LIKENESS_WORKER_THREADS": threads, "LIKENESS_DEVICE": device},
                stop_seconds=10,
            )
            for name, device in zip(names, devices, strict=True)
        ),
        supervisor.Program("train", (*python, "worker", "train", "--name", "train"), common, stop_seconds=30),
    )


def infer_devices(device: str, *, workers: int, nodes: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the device of every infer worker: several workers go round the NVIDIA cards that `nodes` lists."""
    cards = len(list(nodes.glob("nvidia[0-9]*")))
    if device != "auto" or workers == 1 or cards == 0:
        return (device,) * workers
    return tuple(f"cuda:{number % cards}" for number in range(workers))


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that give a child exactly these settings, whatever way this process got them."""
    prefix = settings.model_config.get("env_prefix", "")
    given = ((name, getattr(settings, name)) for name in settings.model_fields_set)
    return {f"{prefix}{name}".upper(): _text(value) for name, value in given if value is not None} | {
        f"{prefix}home".upper(): str(settings.home.absolute())
    }


def _text(value: Any) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case dict() | list() | tuple():
            return json.dumps(value)
        case _:
            return str(value)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


async def _missing(client: httpx.AsyncClient) -> str:
    """Return what the service still waits for, in words; nothing when it is ready."""
    try:
        answer = await client.get("/readyz")
    except httpx.HTTPError:
        return "the api"
    if answer.is_success:
        return ""
    parts: Iterable[tuple[str, Any]] = ()
    with contextlib.suppress(ValueError, AttributeError):
        parts = answer.json().get("parts", {}).items()
    return ", ".join(name for name, part in parts if not _well(part)) or f"/readyz, which says {answer.status_code}"


def _well(part: Any) -> bool:
    return isinstance(part, dict) and part.get("ok") is True
