"""The command line: verbs, no logic. Heavy imports wait until a verb needs them."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from tasktune.errors import Interrupted, UserError

app = typer.Typer(
    name="tasktune",
    help="Fine-tune one language model on many tasks, and keep the tasks from fighting.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

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


@app.command()
def train(
    run_file: RunFile,
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option(help="go on exactly from the last checkpoint")] = False,
    overwrite: Annotated[bool, typer.Option(help="throw away what the folder holds")] = False,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="resume where there is a checkpoint, else begin")
    ] = False,
) -> None:
    """Trains one model on all tasks of RUN.yaml."""
    from rich.console import Console

    from tasktune.run import Run
    from tasktune.training.progress import Progress
    from tasktune.training.ranks import ending_together, is_first
    from tasktune.training.receipt import receipt

    if go_on and (resume or overwrite):
        raise UserError("--go-on decides by itself; leave out --resume and --overwrite")
    console = Console(stderr=True, quiet=not is_first())
    with ending_together(say):
        run = Run.open(run_file, overrides or [], say if is_first() else lambda line: None)
        resume = run.has_checkpoint() if go_on else resume
        if not resume:
            run.begin(overwrite or go_on)
        console.print(
            receipt(run.plan(), run.config.training.steps, run.config.training.batch_tokens)
        )
        with Progress(console, run.config.training.steps) as progress:
            run.train(resume=resume, report=progress.show)
    if is_first():
        say(f"trained: {run.folder}; next: tasktune evaluate {run.folder}")


@app.command()
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


@app.command()
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


@app.command()
def evaluate(
    run_folder: RunFolder,
    split: Annotated[str, typer.Option(help="train, validation or test")] = "test",
    limit: Annotated[int | None, typer.Option(help="examples per task")] = None,
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
def tune(
    run_file: RunFile,
    overrides: Overrides = None,
    folds: Annotated[int | None, typer.Option(help="parts of train, each held out once")] = None,
    trials: Annotated[int | None, typer.Option(help="settings to try")] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(help="what to try for a key: KEY=[a, b] or KEY={low: 1, high: 9, log: true}"),
    ] = None,
    objective: Annotated[str | None, typer.Option(help="mean, worst or pareto")] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes that share the study")] = 1,
    output: Annotated[Path | None, typer.Option(help="the study's folder")] = None,
    overwrite: Annotated[bool, typer.Option(help="throw away what the folder holds")] = False,
    as_json: AsJson = False,
) -> None:
    """Searches for the best settings of RUN.yaml by cross-validation; goes on where it stopped."""
    from rich.console import Console

    from tasktune.tuning import tune as run_study
    from tasktune.tuning.table import settings_table

    options = {"folds": folds, "trials": trials, "objective": objective}
    laid = [f"tune.{key}={value}" for key, value in options.items() if value is not None]
    laid += [f"tune.search.{entry}" for entry in search or []]
    found, folder = run_study(
        run_file,
        [*(overrides or []), *laid],
        output=output,
        workers=workers,
        overwrite=overwrite,
        say=say,
    )
    if as_json:
        typer.echo(found.as_json())
    else:
        Console().print(settings_table(found))
    say(f"{found.in_words()}; see {folder / 'study.html'}")
    say(f"next: tasktune train {folder / 'best.yaml'}")


@app.command()
def compare(
    run_file: RunFile,
    overrides: Overrides = None,
    seeds: Annotated[int | None, typer.Option(help="trainings of everything")] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="'NAME={weighting.method: pcgrad}', another setting")
    ] = None,
    twins: Annotated[str | None, typer.Option(help="both, examples or steps")] = None,
    limit: Annotated[int | None, typer.Option(help="examples to score of each task")] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes that share the work")] = 1,
    output: Annotated[Path | None, typer.Option(help="the comparison's folder")] = None,
    as_json: AsJson = False,
) -> None:
    """Trains each task's single-task twin and named variants; says which tasks gain and lose."""
    from rich.console import Console

    from tasktune.comparison.compare import compare as run_comparison
    from tasktune.comparison.table import comparison_tables, remarks

    options = {"seeds": seeds, "twins": twins, "limit": limit}
    laid = [f"compare.{key}={value}" for key, value in options.items() if value is not None]
    laid += [f"compare.variants.{entry}" for entry in variant or []]
    found, folder = run_comparison(
        run_file, [*(overrides or []), *laid], output=output, workers=workers, say=say
    )
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        console = Console()
        for table in comparison_tables(found):
            console.print(table)
        for line in remarks(found):
            say(line)
    for budget in found.systems:
        say(found.in_words("run", budget))
    say(f"see {folder / 'comparison.html'}; next: tasktune train {folder / 'best.yaml'}")


@app.command()
def affinity(
    run: Annotated[
        Path, typer.Argument(help="a run's YAML file, or a trained run's folder", metavar="RUN")
    ],
    overrides: Overrides = None,
    by: Annotated[str | None, typer.Option(help="cosine, lookahead or transfer")] = None,
    groups: Annotated[int | None, typer.Option(help="the most groups of tasks")] = None,
    output: Annotated[Path | None, typer.Option(help="a folder for page and run files")] = None,
    as_json: AsJson = False,
) -> None:
    """Measures which task helps which, and suggests which to train together."""
    from rich.console import Console

    from tasktune.affinity.find import find_affinity
    from tasktune.affinity.table import affinity_table, group_table

    options = {"by": by, "groups": groups}
    laid = [f"affinity.{key}={value}" for key, value in options.items() if value is not None]
    found, folder = find_affinity(run, [*(overrides or []), *laid], output=output, say=say)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        console = Console()
        console.print(affinity_table(found), group_table(found))
    for sentence in found.in_words():
        say(sentence)
    say(f"see {folder / 'affinity.html'}")
    for group in found.groups:
        say(f"next: tasktune train {group.file}")


@app.command()
def launch(
    run_file: RunFile,
    overrides: Overrides = None,
    on: Annotated[str, typer.Option(help="ray or cloud")] = "ray",
    workers: Annotated[int, typer.Option(min=1, help="ray: processes")] = 1,
    gpus_per_worker: Annotated[int, typer.Option(min=0, help="ray: 0 for workers on CPU")] = 1,
    address: Annotated[
        str | None, typer.Option(help="ray: a cluster's; auto finds one; absent: this machine")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="ray: new starts after a failure")] = 3,
    gpus: Annotated[str | None, typer.Option(help="cloud: of each node, such as H100:8")] = None,
    nodes: Annotated[int, typer.Option(min=1, help="cloud: machines")] = 1,
    spot: Annotated[bool, typer.Option("--spot", help="cloud: cheap, may be taken away")] = False,
    cloud: Annotated[str | None, typer.Option(help="cloud: aws, gcp, ...; any if absent")] = None,
    bucket: Annotated[str | None, typer.Option(help="cloud: keeps runs; s3://NAME")] = None,
    name: Annotated[str | None, typer.Option(help="cloud: the job's")] = None,
    package: Annotated[
        str | None, typer.Option(help="cloud: what to install, a wheel or pip's name for it")
    ] = None,
    show: Annotated[bool, typer.Option("--print", help="cloud: show the YAML, start none")] = False,
) -> None:
    """Trains RUN.yaml on Ray's workers, or on GPUs of a cloud through SkyPilot."""
    from tasktune.launch import refuse_foreign

    if on == "ray":
        several = nodes if nodes > 1 else None
        asks = {"--gpus": gpus, "--nodes": several, "--spot": spot, "--cloud": cloud}
        asks |= {"--bucket": bucket, "--name": name, "--package": package, "--print": show}
        refuse_foreign(on, asks)
        from tasktune.launch.on_ray import train_on_ray

        folder = train_on_ray(
            run_file,
            overrides or [],
            workers=workers,
            gpus_per_worker=gpus_per_worker,
            address=address,
            retries=retries,
            say=say,
        )
        say(f"trained: {folder}; next: tasktune evaluate {folder}")
    elif on == "cloud":
        from tasktune.config_file import load_config
        from tasktune.launch.cloud import Cloud, as_yaml, cloud_task, start, write_task

        refuse_foreign(on, {"--address": address, "--workers": workers if workers > 1 else None})
        if gpus is None:
            raise UserError("--on cloud needs --gpus KIND:NUMBER, such as H100:8")
        chosen = {"package": package} if package is not None else {}
        asked = Cloud(gpus, nodes, spot, cloud, bucket, name, **chosen)
        config = load_config(run_file, overrides or [])
        task = cloud_task(config, run_file, overrides or [], asked)
        if show:
            typer.echo(as_yaml(task), nl=False)
        else:
            path = write_task(task, Path(config.output))
            say(f"written: {path}")
            start(path, asked)
    else:
        raise UserError(f"--on: '{on}' is neither ray nor cloud")


@app.command()
def report(run_folder: RunFolder) -> None:
    """Writes the run's page: one self-contained HTML file."""
    from tasktune.report import write_report

    typer.echo(write_report(run_folder))


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="where the demo's data and run go")] = Path(
        "runs/demo"
    ),
) -> None:
    """Trains the built-in model on four built-in tasks, offline, in minutes."""
    from rich.console import Console

    from tasktune.demonstration import show_demo

    show_demo(output, Console(), say)


@app.command()
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


@app.command()
def schema() -> None:
    """Prints the JSON schema of a run's YAML, for editors."""
    from tasktune.config_file import schema as json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


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
    except (Interrupted, KeyboardInterrupt) as stop:
        what = str(stop) or "interrupted"
        say(f"tasktune: {what}; train goes on with --resume, all else with the same command")
        sys.exit(128 + getattr(stop, "number", 2))


QUIET: dict[str, Any] = {
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "PYTHONWARNINGS": "ignore::FutureWarning",  # for processes that are started
}


if __name__ == "__main__":
    main()
