"""Verbs before training: a run file to begin with, and what is wrong with the data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tasktune.cli.arguments import AsJson, Overrides, RunFile, say


def init(
    folder: Annotated[Path, typer.Argument(help="data files, or a folder for each task")],
    output: Annotated[Path, typer.Option(help="the YAML file to write")] = Path("run.yaml"),
    overwrite: Annotated[bool, typer.Option(help="replace the file that is there")] = False,
) -> None:
    """Guesses tasks from a folder of data files and writes a commented RUN.yaml."""
    from tasktune.starter import write_starter

    for note in write_starter(folder, output, overwrite=overwrite):
        say(note)
    say(f"written: {output}; look it over, then: tasktune inspect {output}")


def inspect(
    run_file: RunFile,
    overrides: Overrides = None,
    as_json: AsJson = False,
    page: Annotated[Path | None, typer.Option(help="an HTML file to write as well")] = None,
    model: Annotated[
        bool, typer.Option(help="take a few steps with the model, for memory and time")
    ] = True,
) -> None:
    """Says what is wrong with RUN.yaml's data, and what the run would take."""
    from rich.console import Console

    from tasktune.inspection import inspect_run
    from tasktune.inspection.page import write_page
    from tasktune.inspection.tables import tables

    found = inspect_run(run_file, overrides or [], model=model, say=say)
    if page is not None:
        write_page(found, page)
        say(f"written: {page}")
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        console = Console()
        for table in tables(found):
            console.print(table)
