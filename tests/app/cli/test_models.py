"""`likeness models` against a running api."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import application
from app.contract.settings import Settings
from app.main import create_app
from tests.app import serving


@pytest.fixture(scope="module")
def address(api_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), redis_url=api_redis)
    serving.publish(settings)
    with serving.working(settings), serving.listening(create_app(settings)) as address:
        yield address


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two checkpoints."""
    made = []
    for note in ("one", "two"):
        made.append(tmp_path / f"{note}.safetensors")
        data = serving.checkpoint("classifier", size=serving.SIZE, channels=1, labels=serving.LABELS, note=note)
        made[-1].write_bytes(data)
    return made


def run(address: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(application, ["models", *map(str, arguments)], env={"LIKENESS_URL": address})


def production(address: str, name: str) -> str:
    return str(json.loads(run(address, "show", name, "--json").stdout)["version"])


def test_what_is_imported_is_promoted_and_rolled_back_and_exported(
    address: str, files: list[Path], tmp_path: Path
) -> None:
    card = tmp_path / "card.md"
    card.write_text("# Brought\n")
    for count, file in enumerate(files, start=1):
        result = run(address, "import", file, "--name", "brought", "--card", card)
        assert (result.exit_code, result.stdout.strip()) == (0, f"brought: {count} versions"), result.output
    assert "none in production" in run(address).stdout
    refused = CliRunner().invoke(
        application, ["classify", str(card), "--model", "brought"], env={"LIKENESS_URL": address}
    )
    assert (refused.exit_code, "No version of brought is in production" in refused.output) == (1, True), refused.output
    newest, oldest = (
        each["version"] for each in json.loads(run(address, "show", "brought", "--json").stdout)["versions"]
    )
    assert run(address, "promote", "brought", newest[:19]).stdout.strip() == f"brought@{newest}"
    assert run(address, "rollback", "brought").stdout.strip() == f"brought@{oldest}"
    assert production(address, "brought") == oldest
    result = run(address, "export", "brought", "-o", tmp_path / "out.safetensors")
    assert (result.exit_code, result.stdout.strip()) == (0, str(tmp_path / "out.safetensors"))
    assert (tmp_path / "out.safetensors").read_bytes() == files[0].read_bytes()
    refused = run(address, "rollback", "brought")
    assert refused.exit_code == 1
    assert "no version from before" in refused.stderr


def test_an_export_that_fails_leaves_no_file(address: str, tmp_path: Path) -> None:
    refused = run(address, "export", "clothing", "--format", "onnx", "-o", tmp_path / "out.onnx")
    assert refused.exit_code == 1
    assert "has no ONNX graph; `python -m models.export FILE` makes one" in refused.stderr
    nowhere = run(address, "export", "clothing", "-o", tmp_path / "no" / "out.safetensors")
    assert nowhere.exit_code == 1
    assert "cannot be written" in nowhere.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_checkpoint_is_refused_in_the_services_words(address: str, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    refused = run(address, "import", tmp_path / "x.safetensors", "--name", "x")
    assert refused.exit_code == 1
    assert "The checkpoint cannot be used" in refused.stderr
    assert run(address, "import", tmp_path / "missing", "--name", "x").exit_code == 2
