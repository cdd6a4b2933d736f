"""Verbs that train a run: here, or on other machines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tasktune.cli.arguments import Overrides, RunFile, say
from tasktune.errors import UserError


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
    from tasktune.train_shown import train_shown
    from tasktune.training.ranks import ending_together, is_first

    if go_on and (resume or overwrite):
        raise UserError("--go-on decides by itself; leave out --resume and --overwrite")
    with ending_together(say):
        run = train_shown(
            run_file, overrides or [], say, resume=resume, overwrite=overwrite, go_on=go_on
        )
    if is_first():
        say(f"trained: {run.folder}; next: tasktune evaluate {run.folder}")


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
