"""Verbs that use a trained run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tasktune.cli.arguments import RunFolder, say
from tasktune.errors import UserError


def predict(
    run_folder: RunFolder,
    file: Annotated[Path, typer.Argument(help="rows in any format that a task can be read from")],
    task: Annotated[str, typer.Option(help="which task the rows are of")],
    output: Annotated[Path | None, typer.Option(help="a JSONL file; stdout where absent")] = None,
) -> None:
    """Predicts a file of rows; writes a JSON line for each."""
    from tasktune.run import Run

    predictions = Run.open(run_folder, say=say).predict_file(task, file)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in predictions)
    if output is None:
        typer.echo(lines, nl=False)
    else:
        output.write_text(lines, encoding="utf-8")
        say(f"{len(predictions):,} predictions: {output}")


def export(
    run_folder: RunFolder,
    form: Annotated[str, typer.Option("--format", help="peft or merged")] = "peft",
    output: Annotated[Path | None, typer.Option(help="a folder; in RUN_DIR where absent")] = None,
) -> None:
    """Writes each task as a plain PEFT adapter, or as a whole merged model."""
    from tasktune.run import Run

    if form not in ("peft", "merged"):
        raise UserError(f"--format: '{form}' is neither peft nor merged")
    for folder in Run.open(run_folder, say=say).export(form, output):
        typer.echo(folder)
