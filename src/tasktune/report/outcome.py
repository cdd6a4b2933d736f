"""Which tasks gained and which lost: against twins, else against the scores before training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tasktune.report.charts.interval import Score
from tasktune.report.format import minus, score, significant
from tasktune.report.results import ResultRow, Scale, read_scale
from tasktune.report.run_files import RunFiles
from tasktune.report.series import finite

Result = Literal["gained", "lost", "no difference shown", "not compared"]


@dataclass(frozen=True)
class Outcome:
    """One task's primary score beside what it is compared with.

    :param reference: the twin's score, or the one before; empty where there is none.
    :param size: how much it changed, as a part of the metric's range or of the twin's score; ranks.
    """

    task: str
    metric: str
    reference: str
    value: str
    result: Result
    size: float


def outcomes(run: RunFiles, rows: list[ResultRow]) -> tuple[str, list[Outcome]]:
    """What is compared with (``twins``, ``before`` or nothing), and a line a task."""
    twins = (run.comparison or {}).get("tasks") or {}
    if twins:
        return "twins", [
            against_twin(name, entry, scale_of(run, name, entry)) for name, entry in twins.items()
        ]
    primary = [row for row in rows if row.primary]
    found = [against_before(row) for row in primary]
    return ("before" if any(row.before for row in primary) else ""), found


def scale_of(run: RunFiles, task: str, entry: Mapping[str, Any]) -> Scale:
    """How a task's line of ``comparison.json`` is to be read, by the run's own evaluation."""
    tasks = (run.evaluation or {}).get("tasks", {})
    return read_scale(tasks.get(task, {}), str(entry.get("metric", "")))


def against_twin(task: str, entry: Mapping[str, Any], scale: Scale) -> Outcome:
    """A task's line of ``comparison.json``; a change is shown only if its interval leaves zero."""
    metric = str(entry.get("metric", ""))
    own, twin = finite(entry.get("score")), finite(entry.get("twin"))
    change, low, high = (finite(entry.get(key)) for key in ("change", "low", "high"))
    result: Result = "no difference shown"
    if low is not None and low > 0:
        result = "gained"
    elif high is not None and high < 0:
        result = "lost"
    known = [Score(value, value, value) for value in (own, twin) if value is not None]
    top = scale.axis(known).high
    shown = ["–" if value is None else score(value, top) for value in (twin, own)]
    if result != "no difference shown" and shown[0] == shown[1]:  # alike but for the rounding
        shown = [minus(significant(value or 0.0)) for value in (twin, own)]
    return Outcome(task, metric, shown[0], shown[1], result, abs(change or 0.0))


def against_before(row: ResultRow) -> Outcome:
    """A task's line of the results; a change is shown only if the two intervals lie apart."""
    result: Result = "not compared"
    if row.before:
        named: dict[str, Result] = {"better": "gained", "worse": "lost"}
        result = named.get(row.verdict, "no difference shown")
    return Outcome(row.task, row.metric, row.before, row.after, result, abs(row.change_value))
