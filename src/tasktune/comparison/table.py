"""A comparison as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from tasktune.comparison.findings import WORDS, Findings, TaskChange
from tasktune.comparison.twins import Budget
from tasktune.report.format import minus, significant


def comparison_tables(found: Findings) -> Iterator[Table]:
    """Every task against its twin, a table for each kind of twin; then all systems together."""
    for budget in found.systems:
        yield task_table(found, budget)
    yield overall_table(found)


def task_table(found: Findings, budget: Budget) -> Table:
    """The tasks' changes against one kind of twin."""
    table = Table(
        title=f"{found.split} split, change against twins {WORDS[budget]}; 95 % intervals over"
        f" examples{' and seeds' if found.seeds > 1 else ''}",
        title_justify="left",
    )
    table.add_column("task", no_wrap=True)
    table.add_column("twin", justify="right")
    systems = found.systems[budget]
    for name in systems:
        table.add_column(name, justify="right")
    for task in found.examples:
        changes = [result.tasks[task] for result in systems.values()]
        metric = changes[0].metric
        table.add_row(f"{task}\n  {metric}", significant(changes[0].twin), *map(cell, changes))
    return table


def cell(change: TaskChange) -> str:
    """A change with its interval, coloured where it shows a difference."""
    style = {"helped": "green", "hurt": "red"}.get(change.verdict, "")
    first = shown(change)
    mark = " *" if change.other_budget else ""
    text = f"{first}{mark}\n{interval(change)}"
    return f"[{style}]{text}[/]" if style else text


def shown(change: TaskChange) -> str:
    """A relative change in percent, or one in points, with its sign."""
    if change.absolute:
        return minus(f"{change.change:+.3g} points")
    return minus(f"{100 * change.change:+.1f} %")


def interval(change: TaskChange) -> str:
    """The 95 % interval in the change's own unit."""
    if change.absolute:
        return minus(f"{change.low:+.2g} to {change.high:+.2g}")
    return minus(f"{100 * change.low:+.1f} to {100 * change.high:+.1f}")


def overall_table(found: Findings) -> Table:
    """All systems side by side."""
    table = Table(title="all tasks together", title_justify="left")
    table.add_column("system")
    for heading in ("delta-m", "worst task", "helped", "hurt", "mean rank", "seconds"):
        table.add_column(heading, justify="right")
    for row in overall_rows(found):
        table.add_row(*row)
    return table


def overall_rows(found: Findings) -> list[tuple[str, str, str, str, str, str, str]]:
    """A row for each system and kind of twin; the twins' own rank and time last."""
    rows = []
    for budget, systems in found.systems.items():
        for name, result in systems.items():
            mean, worst = result.delta_m, result.worst_task
            rows.append(
                (
                    f"{name}, equal {budget}",
                    "–"
                    if mean is None
                    else minus(f"{100 * mean.value:+.1f} % ")
                    + minus(f"({100 * mean.low:+.1f} to {100 * mean.high:+.1f})"),
                    "–" if worst is None else f"{worst} {shown(result.tasks[worst])}",
                    f"{len(result.above)}",
                    f"{len(result.below)}",
                    f"{found.ranks[name]:.1f}",
                    f"{found.seconds[name]:,.0f}",
                )
            )
    for budget in found.systems:
        name = f"twins, equal {budget}"
        rows.append(
            (name, "", "", "", "", f"{found.ranks[name]:.1f}", f"{found.seconds[name]:,.0f}")
        )
    return rows


def remarks(found: Findings) -> list[str]:
    """What is to be said beside the tables."""
    lines = list(found.notes)
    for budget, systems in found.systems.items():
        absolute = sorted({task for result in systems.values() for task in result.left_out})
        if absolute:
            lines.append(
                f"against twins of equal {budget}, in points and left out of delta-m, since the"
                f" twin is at or near chance: {', '.join(absolute)}"
            )
    results = [result for systems in found.systems.values() for result in systems.values()]
    if any(change.other_budget for result in results for change in result.tasks.values()):
        lines.append(
            "*: its training examples differ from the twin's by more than a tenth; the page has"
            " both numbers"
        )
    if found.validation:
        lines.append(
            f"best by {found.selected_by} relative validation score: {found.best}; choosing on the"
            f" {found.split} split would flatter"
        )
    return lines
