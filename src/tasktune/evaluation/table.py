"""Results as a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from tasktune.evaluation.bootstrap import Score
from tasktune.evaluation.evaluate import EvaluationResult, TaskResult
from tasktune.evaluation.fairness import Fairness
from tasktune.evaluation.parts import LEAST, MOST

WORST_GROUPS = 3  # that are shown; evaluation.json has them all
NAME_WIDTH = 22  # of a group, which may be a whole title; the rest of 80 columns is figures


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
        if task.calibration is not None:
            ece = {"ece": task.calibration.ece}
            table.add_row(name, *next(score_rows(ece, task.examples)), "")
        for part, metrics, examples in shown_parts(task):
            for row in score_rows(metrics, examples):
                table.add_row(indented(part), *row, "")
    table.caption = "\n".join(footer(result))
    table.caption_justify = "left"
    return table


def shown_parts(task: TaskResult) -> Iterator[tuple[str, dict[str, Score], int]]:
    """All domains and the worst groups, the latter by the primary metric alone."""
    for domain, part in task.domains.items():
        yield domain, part.metrics, part.examples
    for group, found in list(task.groups.items())[:WORST_GROUPS]:
        yield group, {task.primary: found.metrics[task.primary]}, found.examples


def indented(name: str) -> Text:
    """A part's name under its task's, cut where it is long; brackets in it are no markup."""
    text = Text(f"  {name}")
    text.truncate(NAME_WIDTH, overflow="ellipsis")
    return text


def footer(result: EvaluationResult) -> Iterator[str]:
    """What the rows leave out, and how the tasks fare beside one another."""
    for name, task in result.tasks.items():
        shown = min(WORST_GROUPS, len(task.groups))
        if len(task.groups) > shown:
            yield f"{name}: the {shown} worst of {len(task.groups)} groups; evaluation.json has all"
        if task.groups_left_out:
            count = task.groups_left_out
            groups = "1 group is" if count == 1 else f"{count:,} groups are"
            yield (
                f"{name}: {groups} not scored: of fewer than {LEAST} examples, or beyond the"
                f" {MOST} largest"
            )
    if result.fairness is not None:
        yield from fairness_lines(result.fairness)


def fairness_lines(found: Fairness) -> Iterator[str]:
    """The worst task, the mean and the spread."""
    mean = sum(found.tasks.values()) / len(found.tasks)
    worst = found.tasks[found.worst]
    if found.against == "before":
        yield (
            f"against before training: worst {found.worst} {worst:+.1%}, mean {mean:+.1%},"
            f" spread {found.spread:.1%}"
        )
    else:
        yield (
            f"from chance (0) to the best score (1): worst {found.worst} {worst:.3f},"
            f" mean {mean:.3f}, spread {found.spread:.3f}"
        )
    if found.left_out:
        yield f"not among them, for want of a chance score: {', '.join(found.left_out)}"


def score_rows(metrics: dict[str, Score], examples: int) -> Iterator[tuple[str, str, str, str]]:
    """A row for each metric: its name, value, interval and number of examples."""
    for name, score in metrics.items():
        interval = f"{score.low:.3f} to {score.high:.3f}"
        yield name, f"{score.value:.3f}", interval, f"{examples:,}"
