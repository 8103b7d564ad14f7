import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli.generate import file_name
from app.cli.main import application
from tests.running import Service


def test_a_plain_seed_is_the_file_name() -> None:
    assert file_name("ada", suffix="png") == "ada.png"


@pytest.mark.parametrize("seed", ["../../etc/passwd", "a/b", "", ".", "x" * 5000, "ada lovelace", "\x00", ".."])
def test_any_seed_gets_a_safe_file_name_of_its_own(seed: str) -> None:
    name = file_name(seed, suffix="png")
    assert "/" not in name
    assert "\x00" not in name
    assert not name.startswith(".")
    assert len(name.encode()) < 255
    assert name != file_name(seed + " ", suffix="png")


@pytest.mark.parametrize("arguments", [[], ["ada", "--count", "2"], ["ada", "--format", "gif"], ["--count", "0"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(application, ["generate", *arguments]).exit_code == 2


def test_without_a_service_it_fails_and_says_so(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_URL", f"http://127.0.0.1:{free_port}")
    result = CliRunner().invoke(application, ["generate", "ada"])
    assert result.exit_code == 1
    assert "likeness up" in result.stderr


@pytest.mark.service
def test_every_seed_becomes_a_picture(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_URL", service.base_url)
    seeds = [f"seed {number}" for number in range(20)]
    result = CliRunner().invoke(application, ["generate", *seeds, "-o", str(tmp_path / "new"), "--json"])
    assert result.exit_code == 0, result.output
    written = json.loads(result.stdout)
    assert [picture["seed"] for picture in written] == seeds
    for picture in written:
        with Image.open(picture["file"]) as opened:
            assert opened.format == "PNG"
