"""What commands print."""

import pytest

from app.cli import output


def test_a_text_that_is_wider_than_the_terminal_is_folded_and_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    address = "postgresql://likeness@database.example/" + "x" * 60
    output.table(("value",), [(address,)])
    title, *lines = capsys.readouterr().out.splitlines()
    assert (title.strip(), "".join(line.rstrip() for line in lines)) == ("value", address)
    assert len(lines) == 3


@pytest.mark.parametrize("name", ["image[copy].png", "photo[/x].png", "[red]label[/red]", ":smiley:"])
def test_texts_are_printed_as_they_are(capsys: pytest.CaptureFixture[str], name: str) -> None:
    output.table(("file",), [(name,)])
    assert capsys.readouterr().out.split() == ["file", name]
