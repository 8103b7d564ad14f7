import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import application
from app.host import home


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(application, ["up", "--port", port, "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert f"port {port}" in result.stderr
    assert "--port" in result.stderr
    assert not (tmp_path / "redis").exists()


def test_a_second_service_in_the_same_home_is_refused(tmp_path: Path) -> None:
    with home.occupied(tmp_path):
        result = CliRunner().invoke(application, ["up", "--port", "0", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "already runs" in result.stderr


def test_an_open_address_needs_a_key(tmp_path: Path) -> None:
    result = CliRunner().invoke(application, ["up", "--host", "0.0.0.0", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "LIKENESS_ADMIN_KEY" in result.stderr


def test_a_setting_that_is_not_valid_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_PORT", "many")
    result = CliRunner().invoke(application, ["up", "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "LIKENESS_PORT" in result.stderr
