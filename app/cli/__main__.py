"""`python -m app.cli` is the `likeness` command, for where the console script is not on the PATH."""

from app.cli.main import main

main()
