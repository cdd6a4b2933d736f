"""Scores of a task's parts, its domains and groups, and how evenly the tasks are served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tasktune.report.charts.interval import interval_chart
from tasktune.report.format import score
from tasktune.report.results import read_scale, read_score
from tasktune.report.run_files import RunFiles


@dataclass(frozen=True)
class PartRow:
    """One part of a task, by the task's primary metric.

    :param verdict: ``better`` or ``worse`` than the whole task, where the intervals lie apart.
    """

    name: str
    examples: int
    value: float
    text: str
    range: str
    verdict: str
    chart: Markup


@dataclass(frozen=True)
class PartTable:
    """A task's domains, or its groups.

    :param whole: the score of the whole task.
    :param left_out: parts that have no scores, being too small or too many.
    """

    task: str
    kind: str
    metric: str
    whole: str
    rows: list[PartRow]
    left_out: int


@dataclass(frozen=True)
class FairnessRow:
    """One task's level in the unit that all tasks share."""

    task: str
    value: float
    text: str


@dataclass(frozen=True)
class FairnessTable:
    """How evenly the tasks are served.

    :param words: the worst task and the spread, in words.
    """

    words: str
    rows: list[FairnessRow]


UNITS = {
    "before": "relative change against the scores before training",
    "chance": "place between the best constant answer (0 %) and the best score there is (100 %)",
}


def part_tables(run: RunFiles) -> list[PartTable]:
    """A table for each task that has domains or groups with scores."""
    tables = []
    for task, entry in (run.evaluation or {}).get("tasks", {}).items():
        for kind in ("domains", "groups"):
            left_out = int(entry.get(f"{kind}_left_out") or 0)
            if entry.get(kind):
                tables.append(part_table(task, kind, entry, left_out))
    return tables


def part_table(task: str, kind: str, entry: Mapping[str, Any], left_out: int) -> PartTable:
    """One table, in the order of the file."""
    metric = str(entry["primary"])
    whole = read_score(entry["metrics"][metric])
    found = {name: read_score(part["metrics"].get(metric)) for name, part in entry[kind].items()}
    scores = {name: part for name, part in found.items() if part is not None}
    scale = read_scale(entry, metric)
    axis = scale.axis([*scores.values(), *([whole] if whole else [])])
    rows = [
        PartRow(
            name=name,
            examples=int(entry[kind][name]["examples"]),
            value=part.value,
            text=score(part.value, axis.high),
            range=f"{score(part.low, axis.high)} – {score(part.high, axis.high)}",
            verdict=scale.verdict(part, whole),
            chart=interval_chart(metric, part, None, axis),
        )
        for name, part in scores.items()
    ]
    whole_text = score(whole.value, axis.high) if whole else "–"
    return PartTable(task, kind, metric, whole_text, rows, left_out)


def fairness_table(run: RunFiles) -> FairnessTable | None:
    """The tasks' levels, the worst first; None where the evaluation has none."""
    entry = (run.evaluation or {}).get("fairness")
    if not entry or not entry.get("tasks"):
        return None
    ranked = sorted(entry["tasks"].items(), key=lambda pair: float(pair[1]))
    worst = str(entry.get("worst", ranked[0][0]))
    against = str(entry.get("against", ""))
    words = f"{worst} is worst off. The levels spread by {100 * float(entry['spread']):.1f} points"
    return FairnessTable(
        words=f"{words} (standard deviation over tasks), by the {UNITS.get(against, against)}.",
        rows=[FairnessRow(name, float(value), level(value)) for name, value in ranked],
    )


def level(value: float) -> str:
    """A level in percent, with a true minus sign."""
    return score(100 * float(value), 100.0) + " %"
