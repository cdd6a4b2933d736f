"""Whether a classification's confidence can be believed, and what could be left to it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from markupsafe import Markup

from tasktune.report.charts.calibration import Bin, abstention_chart, reliability_chart
from tasktune.report.format import share
from tasktune.report.run_files import RunFiles
from tasktune.report.series import finite

WANTED = 0.95  # of the answers right: what the words under a curve say how much of can be had


@dataclass(frozen=True)
class CalibrationPanel:
    """One task's two charts.

    :param error: the expected calibration error with its interval.
    :param leaning: whether the task is on the whole surer than it is right, or the other way.
    :param answered: how much could be answered with 95 % right.
    """

    task: str
    error: str
    leaning: str
    reliability: Markup
    abstention: Markup | None
    answered: str


def calibration_panels(run: RunFiles) -> list[CalibrationPanel]:
    """A panel for each task whose evaluation has its calibration."""
    tasks = (run.evaluation or {}).get("tasks", {})
    found = {name: task.get("calibration") for name, task in tasks.items()}
    return [panel(name, entry) for name, entry in found.items() if entry and entry.get("bins")]


def panel(task: str, entry: Mapping[str, Any]) -> CalibrationPanel:
    """One task's panel; empty bins are left out."""
    bins = [
        Bin(int(b["count"]), float(b["confidence"]), float(b["accuracy"]))
        for b in entry["bins"]
        if b["count"]
    ]
    curve = entry.get("abstention") or {}
    coverage, accuracy = curve.get("coverage") or [], curve.get("accuracy") or []
    return CalibrationPanel(
        task=task,
        error=error_in_words(entry.get("ece")),
        leaning=leaning(bins),
        reliability=reliability_chart(task, bins),
        abstention=abstention_chart(task, coverage, accuracy) if coverage else None,
        answered=answered(coverage, accuracy),
    )


def error_in_words(entry: Any) -> str:
    """``4.1 % (2.0 to 6.3)``."""
    value = finite(entry)
    if value is None:
        return "–"
    low, high = (finite(entry.get(end)) if isinstance(entry, dict) else None for end in ENDS)
    if low is None or high is None:
        return share(value)
    return f"{share(value)} ({100 * low:.1f} to {100 * high:.1f})"


ENDS = ("low", "high")


def leaning(bins: list[Bin]) -> str:
    """The mean confidence beside the share that is right."""
    total = sum(b.count for b in bins)
    sure = sum(b.count * b.confidence for b in bins) / total
    right = sum(b.count * b.accuracy for b in bins) / total
    return f"{sure:.0%} sure, {right:.0%} right"


def answered(coverage: list[float], accuracy: list[float]) -> str:
    """The largest share that can be answered, the surest first, with 95 % of the answers right."""
    if not coverage:
        return ""
    held = list(
        takewhile(lambda at: at[1] < WANTED, reversed(list(zip(coverage, accuracy, strict=True))))
    )
    rest = len(coverage) - len(held)
    if rest == 0:
        return f"at no share are {WANTED:.0%} right"
    return f"{WANTED:.0%} right on the surest {coverage[rest - 1]:.0%}"
