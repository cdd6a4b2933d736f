"""The metric table: every task's scores with intervals, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tasktune.report.axis import Axis, around
from tasktune.report.charts.interval import Score, interval_chart
from tasktune.report.format import score, signed_score
from tasktune.report.run_files import RunFiles
from tasktune.report.series import finite


@dataclass(frozen=True)
class Scale:
    """How a metric's numbers are to be read: from 0 to 1 where the evaluation doesn't say.

    :param bottom: the worst score; counts only where higher is better.
    :param top: the best score; likewise.
    """

    higher_is_better: bool = True
    bottom: float = 0.0
    top: float = 1.0

    def better(self, change: float) -> bool:
        """Whether a change is for the better, however small."""
        return change > 0 if self.higher_is_better else change < 0

    def verdict(self, now: Score, then: Score | None) -> str:
        """``better`` or ``worse`` only where the two intervals lie apart."""
        if then is None or now.overlaps(then):
            return "within"
        return "better" if self.better(now.value - then.value) else "worse"

    def axis(self, scores: Iterable[Score]) -> Axis:
        """The whole range: of a metric whose lower scores are better, as far as ``scores`` go."""
        if not self.higher_is_better:
            return around([0.0, *(score.high for score in scores)])
        return Axis(self.bottom, self.top, self.top / 2)


@dataclass(frozen=True)
class ResultRow:
    """One metric of one task, as the table shows it.

    :param change: after minus before; empty where there is no before.
    :param improved: whether the change is for the better, however small.
    :param verdict: ``better`` or ``worse`` where the intervals lie apart, else ``within``.
    """

    task: str
    kind: str
    examples: int
    metric: str
    primary: bool
    before: str
    after: str
    low: str
    high: str
    change: str
    improved: bool
    verdict: str
    after_value: float
    before_value: float
    change_value: float
    chart: Markup


def result_rows(run: RunFiles) -> list[ResultRow]:
    """A row a metric, primary ones first within their task; tasks in the YAML's order."""
    scores = (run.evaluation or {}).get("tasks", {})
    earlier = (run.before or {}).get("tasks", {})
    names = [name for name in run.tasks if name in scores]
    names += [name for name in scores if name not in names]
    return [row for name in names for row in task_rows(name, scores[name], earlier.get(name, {}))]


def task_rows(task: str, after: dict[str, Any], before: dict[str, Any]) -> list[ResultRow]:
    """One task's rows."""
    metrics = after.get("metrics", {})
    primary = after.get("primary")
    rows = []
    for metric in sorted(metrics, key=lambda name: name != primary):
        now, then = read_score(metrics[metric]), read_score(before.get("metrics", {}).get(metric))
        if now is not None:
            rows.append(result_row(task, after, metric, metric == primary, now, then))
    return rows


def result_row(
    task: str, entry: dict[str, Any], metric: str, primary: bool, now: Score, then: Score | None
) -> ResultRow:
    """One row."""
    scale = read_scale(entry, metric)
    axis = scale.axis([now] if then is None else [now, then])
    change = now.value - then.value if then is not None else 0.0
    return ResultRow(
        task=task,
        kind=str(entry.get("kind", "")),
        examples=int(entry.get("examples", 0)),
        metric=metric,
        primary=primary,
        before=score(then.value, axis.high) if then is not None else "",
        after=score(now.value, axis.high),
        low=score(now.low, axis.high),
        high=score(now.high, axis.high),
        change=signed_score(change, axis.high) if then is not None else "",
        improved=scale.better(change),
        verdict=scale.verdict(now, then),
        after_value=now.value / axis.high,
        before_value=then.value / axis.high if then is not None else 0.0,
        change_value=change / axis.high,
        chart=interval_chart(metric, now, then, axis),
    )


def read_score(entry: Any) -> Score | None:
    """A metric's entry in ``evaluation.json``."""
    value = finite(entry)
    if value is None:
        return None
    bounds = entry if isinstance(entry, dict) else {}
    low, high = finite(bounds.get("low")), finite(bounds.get("high"))
    return Score(value, value if low is None else low, value if high is None else high)


def read_scale(entry: Mapping[str, Any], metric: str) -> Scale:
    """How a metric of a task's entry in ``evaluation.json`` is to be read."""
    return Scale(**entry.get("scales", {}).get(metric, {}))
