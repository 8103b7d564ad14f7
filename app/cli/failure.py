"""How a command says that it cannot go on: one sentence on standard error and an exit code."""

from typing import NoReturn

import typer
from pydantic import ValidationError

from app.contract.settings import Settings

FAILED = 1
USAGE = 2


def fail(sentence: str, *, code: int = FAILED) -> NoReturn:
    """Print `sentence` to standard error and leave with `code`."""
    typer.secho(sentence, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)


def read_settings(**given: object) -> Settings:
    """Return the settings of this process; options that were left out (None) fall back to the environment.

    Leaves with the usage code when a value is not valid, and says which one.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(f"LIKENESS_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        fail(f"The settings are not valid. {problems}.", code=USAGE)
