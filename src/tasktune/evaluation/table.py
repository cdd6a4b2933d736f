"""Results as a table."""

from __future__ import annotations

from rich.table import Table

from tasktune.evaluation.evaluate import EvaluationResult


def result_table(result: EvaluationResult) -> Table:
    """Every metric of every task with its 95 % interval."""
    table = Table(title=f"{result.split} split, 95 % intervals", title_justify="left")
    for heading in ("task", "metric"):
        table.add_column(heading)
    for heading in ("value", "interval", "examples", "seconds"):
        table.add_column(heading, justify="right")
    for name, task in result.tasks.items():
        for metric, score in task.metrics.items():
            interval = f"{score.low:.3f} to {score.high:.3f}"
            count, seconds = f"{task.examples:,}", f"{task.seconds:.1f}"
            table.add_row(name, metric, f"{score.value:.3f}", interval, count, seconds)
    return table
