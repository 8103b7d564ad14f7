import os
import signal
import socket
import time
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.contract.settings import Settings
from app.host import stack
from tests.running import Service, running_service


def test_children_get_the_settings_that_this_process_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        home=tmp_path, admin_key=SecretStr("k"), max_attempts=7, store_options={"endpoint": "http://127.0.0.1:9"}
    )
    for name, value in stack.environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings() == given


def test_what_nobody_set_is_left_to_its_default(tmp_path: Path) -> None:
    assert stack.environment(Settings(home=tmp_path)) == {"LIKENESS_HOME": str(tmp_path)}


def test_infer_workers_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.contract.cores.available", lambda: 8)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = stack.programs(Settings(home=tmp_path), listener=listener, workers=3)
    assert [program.name for program in made] == ["api", "infer-1", "infer-2", "infer-3", "train"]
    assert [program.environment["LIKENESS_WORKER_THREADS"] for program in made[1:4]] == ["2", "2", "2"]


@pytest.mark.parametrize(
    ("device", "workers", "cards", "expected"),
    [
        ("auto", 1, 2, ("auto",)),
        ("auto", 2, 0, ("auto", "auto")),
        ("auto", 3, 2, ("cuda:0", "cuda:1", "cuda:0")),
        ("cpu", 2, 2, ("cpu", "cpu")),
    ],
)
def test_several_workers_go_round_the_cards(
    tmp_path: Path, device: str, workers: int, cards: int, expected: tuple[str, ...]
) -> None:
    for name in [f"nvidia{number}" for number in range(cards)] + ["nvidiactl", "nvidia-uvm"]:
        (tmp_path / name).touch()
    assert stack.infer_devices(device, workers=workers, nodes=tmp_path) == expected


def processes_of(home: Path) -> dict[int, str]:
    """Every living process that was given this home, by its command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            about = (entry / "environ").read_bytes().decode(errors="replace") + command
        except OSError:
            continue
        if command and str(home) in about:
            found[int(entry.name)] = command
    return found


def none_left(home: Path, *, within: float) -> bool:
    deadline = time.monotonic() + within
    while processes_of(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.service
def test_a_service_stops_on_ctrl_c_and_leaves_nothing(short_dir: Path) -> None:
    with running_service(short_dir / "clean") as service:
        assert httpx.get(f"{service.base_url}/readyz", timeout=60).status_code == 200
        assert len(processes_of(service.home)) >= 5  # itself, Redis, api, infer, train
    assert service.process.returncode == 0, "\n".join(service.lines)
    assert none_left(service.home, within=1.0), processes_of(service.home)


@pytest.mark.service
def test_a_killed_service_leaves_nothing_and_starts_again(short_dir: Path) -> None:
    with running_service(short_dir / "killed") as service:
        before = httpx.get(f"{service.base_url}/v1/faces/ada.png", timeout=60).content
        service.process.kill()
        service.process.wait()
        # A run's process that was just starting notices only once it gets to its own first lines.
        assert none_left(service.home, within=20.0), processes_of(service.home)
    with running_service(short_dir / "killed") as service:
        assert httpx.get(f"{service.base_url}/v1/faces/ada.png", timeout=60).content == before


@pytest.mark.service
@pytest.mark.parametrize("part", ["app.server", "worker infer", "worker train", "redis-server"])
def test_a_killed_part_comes_back(service: Service, part: str) -> None:
    [victim] = [pid for pid, command in processes_of(service.home).items() if part in command]
    os.kill(victim, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not _well(service, part=part, without=victim):
        assert time.monotonic() < deadline, "\n".join(service.lines)
        time.sleep(0.1)


@pytest.mark.service
def test_clients_wait_while_the_api_restarts_rather_than_being_refused(service: Service) -> None:
    [api] = [pid for pid, command in processes_of(service.home).items() if "app.server" in command]
    os.kill(api, signal.SIGKILL)
    assert none_of(api, within=5.0)
    assert httpx.get(f"{service.base_url}/healthz", timeout=20).status_code == 200


def none_of(pid: int, *, within: float) -> bool:
    deadline = time.monotonic() + within
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _well(service: Service, *, part: str, without: int) -> bool:
    pids = [pid for pid, command in processes_of(service.home).items() if part in command]
    try:
        face = httpx.get(f"{service.base_url}/v1/faces/after-{without}.png", timeout=20)
    except httpx.HTTPError:
        return False
    return bool(pids) and without not in pids and face.status_code == 200
