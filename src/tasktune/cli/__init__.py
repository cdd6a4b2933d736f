"""The command line: verbs, no logic. Heavy imports wait until a verb needs them."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer

from tasktune.cli.arguments import say
from tasktune.cli.learning import demo, methods, schema
from tasktune.cli.preparing import init, inspect
from tasktune.cli.results import evaluate, report
from tasktune.cli.studies import affinity, compare, tune
from tasktune.cli.training import launch, train
from tasktune.cli.using import export, predict, serve
from tasktune.errors import Interrupted, UserError

QUIET: dict[str, str] = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "PYTHONWARNINGS": "ignore::FutureWarning",  # for processes that are started
}

app = typer.Typer(
    name="tasktune",
    help="Fine-tune one language model on many tasks, and keep the tasks from fighting.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

VERBS: list[Callable[..., None]] = [
    train,
    init,
    inspect,
    evaluate,
    predict,
    export,
    serve,
    tune,
    compare,
    affinity,
    launch,
    report,
    demo,
    methods,
    schema,
]
for verb in VERBS:
    app.command()(verb)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    """Options before any verb."""
    if version:
        from tasktune import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise typer.Exit


GO_ON = "train goes on with --resume, all else with the same command"


def main(arguments: list[str] | None = None) -> None:
    """Runs a verb: exit code 0, 2 for a user's mistake in one line, 1 for a fault of ours."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning)  # of libraries, to us, not to users
    try:
        app(arguments)
    except UserError as error:
        say(f"tasktune: {error}")
        sys.exit(2)
    except Interrupted as stop:
        say(f"tasktune: {stop}; {GO_ON}")
        sys.exit(128 + stop.number)
    except SystemExit as end:
        if end.code == 130:  # what Typer makes of Ctrl-C, without a word
            say(f"tasktune: interrupted; {GO_ON}")
        raise
