"""Results as a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from tasktune.evaluation.bootstrap import Score
from tasktune.evaluation.evaluate import EvaluationResult


def result_table(result: EvaluationResult) -> Table:
    """Every metric of every task with its 95 % interval."""
    table = Table(title=f"{result.split} split, 95 % intervals", title_justify="left")
    for heading in ("task", "metric"):
        table.add_column(heading)
    for heading in ("value", "interval", "examples", "seconds"):
        table.add_column(heading, justify="right")
    for name, task in result.tasks.items():
        for row in score_rows(task.metrics, task.examples):
            table.add_row(name, *row, f"{task.seconds:.1f}")
        for domain, part in task.domains.items():
            for row in score_rows(part.metrics, part.examples):
                table.add_row(f"  {domain}", *row, "")
    return table


def score_rows(metrics: dict[str, Score], examples: int) -> Iterator[tuple[str, str, str, str]]:
    """A row for each metric: its name, value, interval and number of examples."""
    for name, score in metrics.items():
        interval = f"{score.low:.3f} to {score.high:.3f}"
        yield name, f"{score.value:.3f}", interval, f"{examples:,}"
