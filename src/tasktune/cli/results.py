"""Verbs that say what a trained run is worth."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tasktune.cli.arguments import AsJson, RunFolder, say


def evaluate(
    run_folder: RunFolder,
    split: Annotated[str, typer.Option(help="train, validation or test")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="examples per task")] = None,
    as_json: AsJson = False,
) -> None:
    """Scores every task, with 95 % intervals."""
    from rich.console import Console

    from tasktune.evaluation.table import result_table
    from tasktune.run import Run

    result = Run.open(run_folder, say=say).evaluate(split, limit)
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2))
    else:
        Console().print(result_table(result))


def report(run_folder: RunFolder) -> None:
    """Writes the run's page: one self-contained HTML file."""
    from tasktune.report import write_report

    typer.echo(write_report(run_folder))
