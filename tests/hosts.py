"""Hosts for tests: processes that share no network and no disk but what they are given.

Where the kernel allows it, a host is a network namespace with one cable to the hub, and its processes see an empty
directory of their own where those of every other host see theirs: a path that is passed on leads nowhere.
Elsewhere hosts are separate directories on loopback.
"""

import contextlib
import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CLONE_NEWNET = 0x40000000
ISOLATED = ("unshare", "--net", "--mount")
OWN_DISK = 'mount -t tmpfs tmpfs "$0" && cd "$0" && exec "$@"'


def can_be_apart() -> bool:
    """Whether this process may give others a network and a disk of their own."""
    try:
        return subprocess.run([*ISOLATED, "true"], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Host:
    """One machine, as far as its processes can tell."""

    name: str
    address: str
    """Where the hub reaches it."""
    hub: str
    """Where it reaches the hub."""
    disk: Path
    """What its processes may write to, and begin in."""
    holder: int | None
    """The process that keeps its network; None where it shares that of everybody."""

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process on the host."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("LIKENESS_")}
        own |= {"HOME": str(self.disk), "TMPDIR": str(self.disk), "LIKENESS_HOME": str(self.disk / "home")}
        if self.holder is None:
            return subprocess.Popen(command, env=own | environment, cwd=self.disk)
        apart = ("unshare", "--mount", "--propagation", "private", "sh", "-c", OWN_DISK, str(self.disk))
        with _entered(self.holder):
            return subprocess.Popen([*apart, *command], env=own | environment, cwd="/")


class Hosts:
    """A hub and the hosts around it. Use it as a context; processes are ended by who starts them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = contextlib.ExitStack()
        self._count = 0
        self.apart = can_be_apart()

    def __enter__(self) -> Self:
        self._hub = self._hold() if self.apart else None
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @contextlib.contextmanager
    def hub(self) -> Iterator[None]:
        """Connections and processes that the block makes are the hub's."""
        with _entered(self._hub) if self._hub else contextlib.nullcontext():
            yield

    def add(self, name: str) -> Host:
        """One more host, with a cable to the hub and to nobody else."""
        disk = self._folder / ("disk" if self.apart else name)
        disk.mkdir(exist_ok=True)
        if self._hub is None:
            return Host(name, "127.0.0.1", "127.0.0.1", disk, None)
        self._count += 1
        holder, network = self._hold(), f"10.77.{self._count}"
        plug = f"host{self._count}"
        _ip(self._hub, "link", "add", "name", plug, "type", "veth", "peer", "name", "eth0", "netns", str(holder))
        for place, device, address in ((self._hub, plug, f"{network}.1/24"), (holder, "eth0", f"{network}.2/24")):
            _ip(place, "address", "add", address, "dev", device)
            _ip(place, "link", "set", device, "up")
        return Host(name, f"{network}.2", f"{network}.1", disk, holder)

    def _hold(self) -> int:
        """A process with a network of its own, in which nothing but loopback is there yet."""
        holder = subprocess.Popen(["unshare", "--net", "sleep", "3600"])
        self._held.callback(holder.wait)
        self._held.callback(holder.kill)
        end = time.monotonic() + 10
        while os.readlink(f"/proc/{holder.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            assert time.monotonic() < end, "the kernel gives no network"
            time.sleep(0.01)
        _ip(holder.pid, "link", "set", "lo", "up")
        return holder.pid


@contextlib.contextmanager
def _entered(holder: int) -> Iterator[None]:
    """Let this thread belong to the network of `holder`: its new sockets and its children do."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as own, open(f"/proc/{holder}/ns/net") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "the network cannot be entered")
        try:
            yield
        finally:
            libc.setns(own.fileno(), CLONE_NEWNET)


def _ip(holder: int, *words: str) -> None:
    subprocess.run(["nsenter", "--target", str(holder), "--net", "ip", *words], check=True)
