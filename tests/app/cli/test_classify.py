import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import classify
from app.cli.main import application
from tests.running import Service


def test_requests_stay_small_in_number_and_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classify, "BYTES_PER_REQUEST", 100)
    monkeypatch.setattr(classify, "IMAGES_PER_REQUEST", 3)
    files = [tmp_path / str(number) for number in range(7)]
    for file, length in zip(files, (10, 10, 10, 10, 95, 200, 1), strict=True):
        file.write_bytes(bytes(length))
    assert [len(some) for some in classify._requests(files)] == [3, 1, 1, 1, 1]


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert CliRunner().invoke(application, ["classify", str(tmp_path / "none.png")]).exit_code == 2


def test_names_and_errors_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    classify._print(
        [
            {"file": "photo[/x].png", "error": "It is no [picture]."},
            {"file": "a[b].png", "predictions": [{"label": "[bag]", "probability": 0.5}], "unfamiliar": True},
        ]
    )
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["photo[/x].png", "It", "is", "no", "[picture]."],
        ["a[b].png", "[bag]", "50.0%"],
        ["or", "none", "of", "its", "classes"],
    ]


@pytest.mark.service
def test_pictures_are_named_and_a_broken_file_fails_alone(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_URL", service.base_url)
    Image.new("L", (28, 28), 200).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_text("no picture")
    result = CliRunner().invoke(
        application, ["classify", str(tmp_path / "good.png"), str(tmp_path / "bad.png"), "--json"]
    )
    assert result.exit_code == 1
    good, bad = json.loads(result.stdout)
    assert len(good["predictions"]) == 3
    assert "error" in bad
