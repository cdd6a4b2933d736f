"""A comparison as one self-contained HTML page, in the report's look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from tasktune.comparison.findings import Findings, TaskChange
from tasktune.comparison.table import interval, overall_rows, remarks, shown
from tasktune.comparison.twins import Budget
from tasktune.comparison.variants import STANDS
from tasktune.report.axis import Axis, change_axis
from tasktune.report.charts.interval import Score, interval_chart
from tasktune.report.document import render_document, write_document
from tasktune.report.format import count, minus, significant, sort_key

COLOURS = {"helped": "better", "hurt": "worse"}


@dataclass(frozen=True)
class Cell:
    """A system's change of a task."""

    text: str
    interval: str
    key: float
    colour: str
    chart: Markup


@dataclass(frozen=True)
class Row:
    """A task against its twin, a cell for each system.

    :param score_key: what the column is sorted by.
    :param seen: training examples of the run and of the twin, and the twin's steps.
    """

    task: str
    metric: str
    score: str
    score_key: float
    twin: str
    twin_key: float
    cells: list[Cell]
    verdict: str
    seen: tuple[str, str, str]


def write_page(found: Findings, file: Path) -> None:
    """Writes the page.

    :raises UserError: if it can't be written.
    """
    write_document(render(found, file.parent), file, "--output")


def render(found: Findings, folder: Path) -> str:
    """The page's HTML."""
    first = next(iter(found.systems))
    values = {
        "title": folder.resolve().name,
        "folder": folder,
        "found": found,
        "verdicts": [found.in_words(STANDS, budget) for budget in found.systems],
        "headline": headline(found, first),
        "systems": list(found.systems[first]),
        "tables": {budget: rows(found, budget) for budget in found.systems},
        "overall": overall_rows(found),
        "remarks": remarks(found),
        "stands": STANDS,
    }
    return render_document("tasktune.comparison", "comparison", values)


def headline(found: Findings, budget: Budget) -> list[tuple[str, str, str]]:
    """The figures at the top: name, value and note."""
    result = found.systems[budget][STANDS]
    mean, worst = result.delta_m, result.worst_task
    figures = []
    if mean is not None and worst is not None:
        ends = minus(f"{100 * mean.low:+.1f} to {100 * mean.high:+.1f}")
        figures = [
            ("delta-m", minus(f"{100 * mean.value:+.1f} %"), ends),
            ("worst task", shown(result.tasks[worst]), worst),
        ]
    return [
        *figures,
        ("helped", f"{len(result.above)}", f"of {len(result.tasks)} tasks"),
        ("hurt", f"{len(result.below)}", f"of {len(result.tasks)} tasks"),
        ("seeds", f"{found.seeds}", ""),
    ]


def rows(found: Findings, budget: Budget) -> list[Row]:
    """A row for each task, the changes of all on one scale."""
    systems = found.systems[budget]
    changes = [change for result in systems.values() for change in result.tasks.values()]
    axis = change_axis([(c.change, c.low, c.high) for c in changes if not c.absolute])
    table = []
    for task in found.examples:
        ours = [result.tasks[task] for result in systems.values()]
        stands = systems[STANDS].tasks[task]
        table.append(
            Row(
                task=task,
                metric=stands.metric,
                score=minus(significant(stands.score)),
                score_key=sort_key(stands.score),
                twin=minus(significant(stands.twin)),
                twin_key=sort_key(stands.twin),
                cells=[cell(task, change, axis) for change in ours],
                verdict=stands.verdict,
                seen=(
                    count(stands.examples),
                    count(stands.twin_examples),
                    count(stands.twin_steps),
                ),
            )
        )
    return table


def cell(task: str, change: TaskChange, axis: Axis) -> Cell:
    """One change; one in points has no place on the relative ones' scale."""
    chart = Markup("")
    if not change.absolute:
        score = Score(change.change, change.low, change.high)
        chart = interval_chart(f"change of {task}", score, None, axis)
    mark = " *" if change.other_budget else ""
    return Cell(
        text=shown(change) + mark,
        interval=interval(change),
        key=sort_key(change.change),
        colour=COLOURS.get(change.verdict, "within"),
        chart=chart,
    )
