"""Verbs that use a trained run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tasktune.cli.arguments import RunFolder, say
from tasktune.errors import UserError


def predict(
    run_folder: RunFolder,
    file: Annotated[Path, typer.Argument(help="rows in any format that a task can be read from")],
    task: Annotated[str, typer.Option(help="which task the rows are of")],
    output: Annotated[
        Path | None,
        typer.Option(help=".jsonl, .csv, .tsv or .parquet; JSON lines on stdout where absent"),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="leave out rows that can't be predicted")
    ] = False,
) -> None:
    """Predicts a file of rows; the same command goes on where a killed one stopped."""
    from tasktune.prediction import predict_file, print_predictions
    from tasktune.run import Run

    run = Run.open(run_folder, say=say)
    if output is None:
        print_predictions(run, task, file, sys.stdout, skip_bad=skip_bad_rows)
    else:
        count = predict_file(run, task, file, output, skip_bad=skip_bad_rows)
        say(f"{count:,} predictions: {output}")


def export(
    run_folder: RunFolder,
    form: Annotated[str, typer.Option("--format", help="peft or merged")] = "peft",
    output: Annotated[Path | None, typer.Option(help="a folder; in RUN_DIR where absent")] = None,
    push: Annotated[
        str | None, typer.Option(help="a repository of the hub, OWNER/NAME, to upload it to")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="a new repository is seen by all")
    ] = False,
) -> None:
    """Writes each task as a plain PEFT adapter, or as a whole merged model, with cards."""
    from tasktune.run import Run
    from tasktune.sharing import export as export_run
    from tasktune.sharing import export_folder
    from tasktune.sharing import push as push_folder

    if form not in ("peft", "merged"):
        raise UserError(f"--format: '{form}' is neither peft nor merged")
    run = Run.open(run_folder, say=say)
    for folder in export_run(run, form, output):
        typer.echo(folder)
    if push is not None:
        say(f"uploaded: {push_folder(output or export_folder(run, form), push, public=public)}")


def serve(
    run_folder: RunFolder,
    host: Annotated[str, typer.Option(help="0.0.0.0 for every address")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free")] = 8000,
    api_key: Annotated[
        list[str] | None,
        typer.Option(envvar="TASKTUNE_API_KEY", help="of which a client needs one"),
    ] = None,
    sequences: Annotated[int, typer.Option(min=1, help="texts written at once")] = 64,
    batch_tokens: Annotated[int, typer.Option(min=8, help="in one pass; longest prompt")] = 4096,
    cached_tokens: Annotated[int, typer.Option(min=8, help="of all texts together")] = 131_072,
    max_tokens: Annotated[int, typer.Option(min=1, help="of an answer")] = 1024,
    queue: Annotated[int, typer.Option(min=1, help="requests that wait; more get 429")] = 256,
    body_bytes: Annotated[int, typer.Option(min=1, help="of a request")] = 1_000_000,
    timeout: Annotated[float, typer.Option(min=0.1, help="seconds of a request")] = 120.0,
    grace: Annotated[float, typer.Option(min=0, help="seconds to finish when stopped")] = 20.0,
) -> None:
    """Serves RUN_DIR over HTTP, as OpenAI's API: each task is a model; a page to try it at /."""
    from tasktune.run import Run
    from tasktune.serving import serve as serve_run
    from tasktune.serving.limits import Limits

    limits = Limits(
        batch_tokens=batch_tokens,
        sequences=sequences,
        cached_tokens=cached_tokens,
        queue=queue,
        new_tokens=max_tokens,
        body_bytes=body_bytes,
        timeout=timeout,
        grace=grace,
    )
    run = Run.open(run_folder, say=say)
    serve_run(run, host=host, port=port, keys=api_key or [], limits=limits, say=say)
