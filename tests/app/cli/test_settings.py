import json

import pytest
from typer.testing import CliRunner

from app.cli.main import application
from app.contract.settings import Settings


def test_every_setting_is_told_with_its_meaning() -> None:
    rows = json.loads(CliRunner().invoke(application, ["settings", "--json"]).stdout)
    assert [row["variable"] for row in rows] == [f"LIKENESS_{name.upper()}" for name in Settings.model_fields]
    assert all(row["meaning"] for row in rows)


def test_a_value_from_the_environment_is_told_as_given() -> None:
    result = CliRunner().invoke(application, ["settings", "--json"], env={"LIKENESS_MAX_ATTEMPTS": "9"})
    [row] = [row for row in json.loads(result.stdout) if row["variable"] == "LIKENESS_MAX_ATTEMPTS"]
    assert (row["value"], row["given"]) == (9, True)


def test_values_are_printed_as_they_are() -> None:
    environment = {"LIKENESS_MAX_ATTEMPTS": "9", "LIKENESS_ADMIN_KEY": "secret", "LIKENESS_HOME": "[red]home"}
    result = CliRunner().invoke(application, ["settings"], env=environment)
    assert result.exit_code == 0
    assert "[red]home" in result.stdout
    assert "[bold]" not in result.stdout


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_keys_stay_hidden(options: list[str]) -> None:
    environment = {
        "LIKENESS_ADMIN_KEY": "very-secret",
        "LIKENESS_REDIS_URL": "redis://:very-secret@cache:6379/0",
        "LIKENESS_DATABASE_URL": "postgresql://likeness:very-secret@db/likeness",
        "LIKENESS_STORE_OPTIONS": '{"secret_access_key": "very-secret"}',
    }
    result = CliRunner().invoke(application, ["settings", *options], env=environment)
    assert result.exit_code == 0
    assert "very-secret" not in result.output
