"""A study as one self-contained HTML page, in the report's look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tasktune.comparison.statistics import Change
from tasktune.report.axis import Axis, change_axis
from tasktune.report.charts.bar import bar
from tasktune.report.charts.interval import Score, interval_chart
from tasktune.report.document import render_document, write_document
from tasktune.report.format import minus, share, significant, sort_key
from tasktune.tuning.charts import front_chart, values_chart
from tasktune.tuning.findings import Findings, Setting
from tasktune.tuning.space import label


def write_page(found: Findings, file: Path) -> None:
    """Writes the page.

    :raises UserError: if it can't be written.
    """
    write_document(render(found, file.parent), file, "--output")


def render(found: Findings, folder: Path) -> str:
    """The page's HTML."""
    best = found.setting(found.best)
    several = found.objective == "pareto"
    values = {
        "title": folder.resolve().name,
        "folder": folder,
        "found": found,
        "verdict": found.in_words(),
        "headline": headline(found),
        "settings": setting_rows(found),
        "keys": list(found.importances) or keys_of(found),
        "importances": [
            (key, share(value), bar(value, 1.0)) for key, value in found.importances.items()
        ],
        "panels": values_panels(found),
        "tasks": task_rows(found, best),
        "best": best,
        "front": front_chart(found) if several else "",
    }
    return render_document("tasktune.tuning", "study", values)


@dataclass(frozen=True)
class SettingRow:
    """A setting as a row.

    :param key: what the changes are sorted by.
    """

    number: int
    state: str
    values: dict[str, str]
    change: str
    key: float
    interval: str
    chart: Markup
    best: bool
    front: bool
    problem: str


def headline(found: Findings) -> list[tuple[str, str, str]]:
    """The figures at the top: name, value and note."""
    states = [setting.state for setting in found.settings if setting.number]
    best = found.setting(found.best).objective or Change(0.0, 0.0, 0.0)
    notes = [f"{states.count(s)} {s}" for s in ("pruned", "failed") if states.count(s)]
    return [
        ("best setting", percent(best.value) if found.best else "as it stands", ""),
        ("settings", f"{len(states)}", ", ".join(notes)),
        ("folds", f"{found.folds}", ""),
        ("tasks", f"{len(found.metrics)}", ""),
    ]


def keys_of(found: Findings) -> list[str]:
    """The keys that were searched."""
    return list(dict.fromkeys(key for setting in found.settings for key in setting.values))


def setting_rows(found: Findings) -> list[SettingRow]:
    """A row for each setting, the best first, all on one scale."""
    axis = axis_of([s.objective for s in found.settings if s.objective is not None])
    rows = []
    for setting in found.ranked():
        change = setting.objective
        rows.append(
            SettingRow(
                number=setting.number,
                state="as it stands" if setting.number == 0 else setting.state,
                values={key: shown(value) for key, value in setting.values.items()},
                change="" if change is None else percent(change.value),
                key=sort_key(None if change is None else change.value),
                interval=interval(change),
                chart=change_chart("objective", change, axis),
                best=setting.number == found.best,
                front=setting.front,
                problem=setting.problem or "",
            )
        )
    return rows


def task_rows(found: Findings, best: Setting) -> list[dict[str, Any]]:
    """A row for each task: as it stands, and with the best setting."""
    axis = axis_of(best.tasks.values())
    rows = []
    stands = found.setting(0)
    for task, metric in found.metrics.items():
        before, after = (sum(s.scores[task]) / len(s.scores[task]) for s in (stands, best))
        change = best.tasks[task]
        rows.append(
            {
                "task": task,
                "metric": metric,
                "before": (significant(before), sort_key(before)),
                "after": (significant(after), sort_key(after)),
                "change": (percent(change.value), sort_key(change.value)),
                "verdict": verdict(change),
                "interval": interval(change),
                "chart": change_chart(f"change of {task}", change, axis),
                "absolute": task in found.absolute,
            }
        )
    return rows


def values_panels(found: Findings) -> list[tuple[str, Markup]]:
    """For each key what its values were worth."""
    scored = [s for s in found.settings if s.number and s.objective and s.state != "failed"]
    return [
        (key, values_chart(key, [s for s in scored if key in s.values], found.best))
        for key in keys_of(found)
        if any(key in s.values for s in scored)
    ]


def verdict(change: Change) -> str:
    """The class of a change's cell: coloured where its interval leaves zero out."""
    if change.low > 0:
        return "better"
    return "worse" if change.high < 0 else "within"


def axis_of(changes: Iterable[Change]) -> Axis:
    """A scale for all of them."""
    return change_axis([(change.value, change.low, change.high) for change in changes])


def change_chart(name: str, change: Change | None, axis: Axis) -> Markup:
    """A change with its whisker, on a scale that others share."""
    if change is None:
        return Markup("")
    return interval_chart(name, Score(change.value, change.low, change.high), None, axis)


def interval(change: Change | None) -> str:
    """The 95 % interval in words; none of a single fold."""
    if change is None or change.high == float("inf") or change.low == change.high:
        return ""
    return f"{percent(change.low)} to {percent(change.high)}"


def percent(value: float) -> str:
    """A change with its sign: ``+1.3 %``."""
    return minus(f"{100 * value:+.1f} %") if round(value, 3) else "0.0 %"


def shown(value: Any) -> str:
    """A key's value, short."""
    return f"{value:.3g}" if isinstance(value, float) else label(value)
