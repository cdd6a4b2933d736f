"""Verbs that train many runs, or look into one, to find a better one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tasktune.cli.arguments import AsJson, Overrides, RunFile, say


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
