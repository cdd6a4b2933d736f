"""Arguments that several verbs take, and how verbs speak to the user."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFile = Annotated[Path, typer.Argument(help="a run's YAML file", metavar="RUN.yaml")]
RunFolder = Annotated[Path, typer.Argument(help="the folder of a run", metavar="RUN_DIR")]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="values laid over the YAML: training.steps=50", metavar="[KEY=VALUE]..."),
]
AsJson = Annotated[bool, typer.Option("--json", help="print figures as JSON")]


def say(line: str) -> None:
    """What the user should know, without disturbing what is printed on stdout."""
    typer.echo(line, err=True)
