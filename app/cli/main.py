"""The `likeness` command: run the service, and use one over HTTP.

    likeness up
    likeness generate ada grace -o faces

Exit codes: 0 done, 1 failed (the message says why), 2 wrong usage.
"""

import typer

from app.cli import (
    api,
    backup,
    classify,
    datasets,
    generate,
    jobs,
    keys,
    models,
    prepare,
    settings,
    strays,
    train,
    up,
    worker,
)

application = typer.Typer(
    name="likeness",
    help="A self-hosted image service: trained CNN classifiers and GANs behind a REST API.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold keys
    context_settings={"help_option_names": ["-h", "--help"]},
)

RUN = "Run the service"
USE = "Use a service (LIKENESS_URL, LIKENESS_KEY)"

application.command("up", rich_help_panel=RUN)(up.up)
application.command("api", rich_help_panel=RUN)(api.api)
application.command("worker", rich_help_panel=RUN)(worker.worker)
application.command("prepare", rich_help_panel=RUN)(prepare.prepare)
application.command("backup", rich_help_panel=RUN)(backup.backup)
application.command("restore", rich_help_panel=RUN)(backup.restore)
application.command("strays", rich_help_panel=RUN)(strays.strays)
application.command("settings", rich_help_panel=RUN)(settings.settings)
application.command("generate", rich_help_panel=USE)(generate.generate)
application.command("classify", rich_help_panel=USE)(classify.classify)
application.add_typer(models.application, name="models", rich_help_panel=USE)
application.add_typer(datasets.application, name="datasets", rich_help_panel=USE)
application.command("train", rich_help_panel=USE)(train.train)
application.command("jobs", rich_help_panel=USE)(jobs.jobs)
application.add_typer(keys.application, name="keys", rich_help_panel=USE)


def main() -> None:
    """Run the command that the arguments name."""
    application()


if __name__ == "__main__":
    main()
