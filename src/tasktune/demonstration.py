"""The demo, shown: each task before and after, and the way to the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tasktune.demo.tasks import write_demo
from tasktune.evaluation import EvaluationResult
from tasktune.report import write_report
from tasktune.run import Run
from tasktune.training.progress import Progress
from tasktune.training.receipt import receipt


def show_demo(folder: Path, console: Console, say: Callable[[str], None]) -> None:
    """Makes the data, scores the base model, trains, scores again and writes the report.

    :param folder: gets ``data/`` and ``run/``; an earlier demo there is replaced.
    """
    run_file = write_demo(folder / "data")
    run = Run.open(run_file, [f"output={json.dumps(str(folder / 'run'), ensure_ascii=False)}"], say)
    training = run.config.training
    console.print(receipt(run.plan(), training.steps, training.batch_tokens))
    run.begin(overwrite=True)
    say("before: scoring the base model on each task's test split")
    before = run.evaluate_base("test")
    with Progress(console, training.steps) as progress:
        run.train(report=progress.show)
    say("after: scoring again")
    after = run.evaluate("test")
    console.print(before_and_after(before, after))
    page = write_report(run.folder)
    console.print(f"The report: {page.resolve().as_uri()}", soft_wrap=True)
    console.print(f"A task's adapter, as PEFT loads it: {run.folder / 'adapters'}/TASK")


def before_and_after(before: EvaluationResult, after: EvaluationResult) -> Table:
    """Every metric of every task, before and after, with 95 % intervals."""
    table = Table(title="Each task on its test split, with 95 % intervals", title_justify="left")
    for heading in ("task", "metric"):
        table.add_column(heading)
    for heading in ("before", "after", "interval", "examples"):
        table.add_column(heading, justify="right")
    for name, task in after.tasks.items():
        for metric, score in task.metrics.items():
            table.add_row(
                name,
                metric,
                f"{before.tasks[name].metrics[metric].value:.3f}",
                f"{score.value:.3f}",
                f"{score.low:.3f} to {score.high:.3f}",
                f"{task.examples:,}",
            )
    return table
