import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.host import supervisor
from app.host.supervisor import Program, Supervisor
from tests.starvation import quickest


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


SLEEP = python("import time; print('up', flush=True); time.sleep(60)")
STUBBORN = python(
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)


class Lines:
    """What the programs of one test printed."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def write(self, name: str, line: str) -> None:
        self.all.append((name, line))

    async def wait_for(self, *expected: tuple[str, str], within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            while not all(self.all.count(line) >= expected.count(line) for line in expected):
                await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_lines_are_passed_on_with_the_name_of_their_program() -> None:
    async def act() -> Lines:
        lines, long = Lines(), "x" * 300_000
        keeper = Supervisor(lines.write)
        code = "import sys, time; print('one\\ntwo', file=sys.stderr); print('y', flush=True); time.sleep(60)"
        await keeper.start(Program("a", python(code)))
        await lines.wait_for(("a", "one"), ("a", "two"), ("a", "y"))
        await keeper.start(Program("b", python("import time; print('x' * 300_000, flush=True); time.sleep(60)")))
        async with asyncio.timeout(60):
            while "".join(line for name, line in lines.all if name == "b") != long:
                await asyncio.sleep(0.01)
        await keeper.stop("a", "b")
        return lines

    asyncio.run(act())


def test_a_killed_program_is_back_within_two_seconds() -> None:
    async def act() -> float:
        lines = Lines()
        keeper = Supervisor(lines.write)
        await keeper.start(Program("a", SLEEP))
        await lines.wait_for(("a", "up"))
        first = keeper.pids()["a"]
        began = time.monotonic()
        os.kill(first, signal.SIGKILL)
        await lines.wait_for(("a", "up"), ("a", "up"), ("a", "was killed by SIGKILL; starting it again"))
        took = time.monotonic() - began
        assert keeper.pids()["a"] != first
        await keeper.stop("a")
        return took

    took = quickest(lambda: asyncio.run(act()), enough=2.0)
    assert supervisor.FIRST_PAUSE_SECONDS <= took < 2.0


def test_what_comes_before_a_start_comes_before_each(tmp_path: Path) -> None:
    async def act() -> None:
        lines, code = Lines(), f"import os; os.rmdir({str(tmp_path / 'cleared')!r}); print('up', flush=True)"
        keeper = Supervisor(lines.write)
        await keeper.start(Program("a", python(code), before=(tmp_path / "cleared").mkdir))
        await lines.wait_for(("a", "up"), ("a", "up"))
        await keeper.stop("a")

    asyncio.run(act())


def test_a_program_that_keeps_failing_is_started_ever_more_rarely() -> None:
    async def act() -> int:
        lines = Lines()
        keeper = Supervisor(lines.write)
        await keeper.start(Program("a", python("raise SystemExit(3)")))
        await asyncio.sleep(2.0)
        assert keeper.deaths()["a"] == lines.all.count(("a", "ended with exit code 3; starting it again"))
        await keeper.stop("a")  # most likely in the pause between two lives, which must not delay it
        return lines.all.count(("a", "ended with exit code 3; starting it again"))

    began = time.monotonic()
    # 0.2 + 0.4 + 0.8 s of pauses fit into two seconds, a fourth of 1.6 s does not end within them.
    assert 1 <= asyncio.run(act()) <= 4
    assert time.monotonic() - began < 3.0


def test_a_program_that_ignores_the_signal_is_killed_after_its_time() -> None:
    async def act() -> tuple[int, Lines]:
        lines = Lines()
        keeper = Supervisor(lines.write)
        await keeper.start(Program("a", STUBBORN, stop_seconds=0.3))
        await lines.wait_for(("a", "up"))
        pid = keeper.pids()["a"]
        await keeper.stop("a")
        return pid, lines

    pid, lines = asyncio.run(act())
    assert not alive(pid)
    assert ("a", "does not stop within 0.3 s and is killed") in lines.all


def test_what_a_program_started_ends_with_it() -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )

    async def act() -> int:
        lines = Lines()
        keeper = Supervisor(lines.write)
        await keeper.start(Program("a", python(code)))
        async with asyncio.timeout(60):
            while not lines.all:
                await asyncio.sleep(0.01)
        await keeper.stop("a")
        return int(lines.all[0][1])

    assert gone_within(asyncio.run(act()), 2.0)


def test_a_killed_supervisor_leaves_no_process_behind() -> None:
    code = (
        "import asyncio, sys\n"
        "from app.host.supervisor import Program, Supervisor\n"
        "async def act():\n"
        "    keeper = Supervisor(lambda name, line: None)\n"
        "    for name in 'ab':\n"
        "        await keeper.start(Program(name, (sys.executable, '-c', 'import time; time.sleep(60)')))\n"
        "    print(*keeper.pids().values(), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(act())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert [alive(pid) for pid in pids] == [True, True]
        process.kill()
        process.wait()
    assert all(gone_within(pid, 2.0) for pid in pids)


def test_a_program_gets_the_environment_and_the_descriptors_it_is_given(tmp_path: Path) -> None:
    file = os.open(tmp_path / "handed.txt", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(file, False)

    async def act() -> None:
        lines = Lines()
        keeper = Supervisor(lines.write)
        code = (
            f"import os, time; os.write({file}, os.environ['WORD'].encode()); print('up', flush=True); time.sleep(60)"
        )
        await keeper.start(Program("a", python(code), {"WORD": "hello"}, (file,)))
        await lines.wait_for(("a", "up"))
        await keeper.stop("a")

    asyncio.run(act())
    assert (tmp_path / "handed.txt").read_text() == "hello"
    os.close(file)
