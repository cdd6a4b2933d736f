"""Verbs for those who want to know Tasktune: a demo, its methods, its keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tasktune.cli.arguments import AsJson, say


def demo(
    output: Annotated[Path, typer.Option(help="where the demo's data and run go")] = Path(
        "runs/demo"
    ),
) -> None:
    """Trains the built-in model on four built-in tasks, offline, in minutes."""
    from rich.console import Console

    from tasktune.demonstration import show_demo

    show_demo(output, Console(), say)


def methods(
    kind: Annotated[str | None, typer.Option(help="layout, mixture, weighting, ...")] = None,
    as_json: AsJson = False,
) -> None:
    """Lists every method by name, with its paper."""
    from dataclasses import asdict

    from rich.console import Console

    from tasktune.methods import list_methods, method_tables

    found = list_methods(kind)
    if as_json:
        typer.echo(json.dumps([asdict(method) for method in found], indent=2))
    else:
        console = Console()
        for table in method_tables(found):
            console.print(table, "")


def schema() -> None:
    """Prints the JSON schema of a run's YAML, for editors."""
    from tasktune.config_file import schema as json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
