"""The progress bar."""

import io

import pytest

from app.cli import progress


class Terminal(io.StringIO):
    """A standard error that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_a_title_in_a_service_s_words_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    for name, value in {"TERM": "xterm", "COLUMNS": "100", "TTY_INTERACTIVE": "1"}.items():
        monkeypatch.setenv(name, value)
    with progress.bar("stage [/x]", total=1) as bar:
        bar.show(done=1, total=2, title="[bold]loss[/x]")
    assert "[bold]loss[/x]" in terminal.getvalue()
