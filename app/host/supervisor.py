"""Keeps the processes of one service running: starts them in order, restarts what dies, stops them in reverse order.

Every child leads a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone and a stubborn child
can be ended with all it started. The kernel kills the children when the supervisor is killed, so no way of ending
leaves an orphan.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0  # a process that lived this long starts again with the first pause

Write = Callable[[str, str], None]


@dataclass(frozen=True)
class Program:
    """One process to keep running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    # Called before every start, the first one and those after a death.
    before: Callable[[], None] = lambda: None
    # It gets SIGTERM, and SIGKILL once this time is over.
    stop_seconds: float = 10.0


class Supervisor:
    """Runs programs until it is told to stop.

    Args:
        write: takes the name of a program and one line that it printed, or that is said about it.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._keepers: dict[str, _Keeper] = {}

    async def start(self, program: Program) -> None:
        """Start one program and keep it running from now on.

        Raises:
            OSError: its command cannot be run.
        """
        keeper = _Keeper(program, self._write)
        await keeper.start()
        self._keepers[program.name] = keeper

    def pids(self) -> dict[str, int]:
        """Return the running process of every program by the program's name."""
        return {name: keeper.pid for name, keeper in self._keepers.items()}

    def deaths(self) -> dict[str, int]:
        """Return how often every program has died by itself, by the program's name."""
        return {name: keeper.deaths for name, keeper in self._keepers.items()}

    async def stop(self, *names: str) -> None:
        """Stop these programs, all at once, and return when they are gone; names that are not running are no error."""
        keepers = [self._keepers.pop(name) for name in names if name in self._keepers]
        await asyncio.gather(*(keeper.stop() for keeper in keepers))

    def kill(self) -> None:
        """Kill every program at once, for someone who does not want to wait."""
        for keeper in self._keepers.values():
            keeper.kill()


class _Keeper:
    """Keeps one program running and passes its lines on."""

    def __init__(self, program: Program, write: Write) -> None:
        self._program = program
        self._write = write
        self._stopping = asyncio.Event()
        self.deaths = 0
        self._process: asyncio.subprocess.Process
        self._output: asyncio.StreamReader
        self._transport: asyncio.ReadTransport
        self._watch: asyncio.Task[None]

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self) -> None:
        await self._spawn()
        self._watch = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(self._program.stop_seconds):
                await asyncio.shield(self._watch)
        except TimeoutError:
            self._say(f"does not stop within {self._program.stop_seconds:g} s and is killed")
            self.kill()
            await self._watch

    def kill(self) -> None:
        self._stopping.set()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            code = await self._live()
            if time.monotonic() - started >= STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            if self._stopping.is_set():
                return
            self.deaths += 1
            self._say(f"{_ending(code)}; starting it again")
            while not await self._stopped_within(pause):
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                try:
                    await self._spawn()
                    break
                except OSError as error:
                    self._say(f"cannot be started: {error}")
            else:
                return

    async def _live(self) -> int:
        """Follow the process to its end and return its exit code, negative for a signal."""
        lines = asyncio.create_task(self._pass_on_lines(self._output))
        if self._stopping.is_set():  # told to stop while this process was being made
            self._process.terminate()
        code = await self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it started and left behind
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await lines
        self._transport.close()
        return code

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

    async def _spawn(self) -> None:
        self._program.before()
        # The pipe is our own because asyncio's `wait` returns only when its pipes are closed, which a process left
        # behind by the dead one could put off for ever.
        read, write = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                env={**os.environ, **self._program.environment},
                pass_fds=self._program.pass_fds,
                start_new_session=True,
                preexec_fn=_leash(os.getpid()),
            )
        except OSError:
            os.close(read)
            raise
        finally:
            os.close(write)
        self._output = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(self._output)
        pipe = os.fdopen(read, "rb", buffering=0)
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)

    async def _pass_on_lines(self, output: asyncio.StreamReader) -> None:
        """Read in pieces rather than lines, so that a line of any length passes and none is held for long."""
        unfinished = b""
        while piece := await output.read(_PIECE_BYTES):
            *lines, unfinished = (unfinished + piece).split(b"\n")
            if len(unfinished) > _PIECE_BYTES:
                lines, unfinished = [*lines, unfinished], b""
            for line in lines:
                self._say(line.decode(errors="replace").rstrip())
        if unfinished:
            self._say(unfinished.decode(errors="replace"))

    def _say(self, line: str) -> None:
        self._write(self._program.name, line)


_PIECE_BYTES = 1 << 16
_PR_SET_PDEATHSIG = 1


def _leash(parent: int) -> Callable[[], None]:
    """Return what a child runs between fork and exec, so that it cannot outlive `parent`.

    The signal is SIGKILL: a worker that finished its task first would be an orphan meanwhile, and what was accepted is
    on disk anyway. Only a call prepared here runs in the child, where an import or a lock could wait for ever.
    """
    prctl = ctypes.CDLL(None).prctl

    def leash() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel was told
            os._exit(1)

    return leash


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
