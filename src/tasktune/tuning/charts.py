"""The pictures of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from tasktune.report.axis import around, tick_label
from tasktune.report.format import minus, significant
from tasktune.report.plot import Hover, dot, frame, line
from tasktune.tuning.findings import Findings, Setting
from tasktune.tuning.space import label

Ticks = list[tuple[float, str]]


def values_chart(key: str, settings: Sequence[Setting], best: int) -> Markup:
    """What each tried value of a key was worth: a dot a setting.

    Numbers lie along an axis, in the logarithm where they span more than a factor of 8; choices
    stand side by side.
    """
    y = around([change_of(setting) for setting in settings])
    values = [setting.values[key] for setting in settings]
    numeric = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    places, ticks = along(values) if numeric else side_by_side([label(v) for v in values])
    points = sorted(zip(places, settings, strict=True), key=lambda pair: pair[0])
    shapes = [
        dot(x, 100 - y.percent(change_of(s)), "dot" if s.number == best else "dot tried")
        for x, s in points
    ]
    hover = Hover(
        x=[x for x, _ in points],
        text=[
            minus(f"setting {s.number}, {label(s.values[key])}: {100 * change_of(s):+.1f} %")
            for _, s in points
        ],
    )
    return frame(shapes, ticks, y, label=f"Change by {key}", hover=hover, y_percent=True)


def along(values: Sequence[float]) -> tuple[list[float], Ticks]:
    """Where numbers lie, in percent; by their logarithm where they span more than a factor of 8."""
    low, high = min(values), max(values)
    if low > 0 and high / low > 8:
        first, last = math.log(low), math.log(high)
        ends = [low, math.exp((first + last) / 2), high]
        places = [100 * (math.log(v) - first) / (last - first) for v in values]
        return places, [(50.0 * k, significant(end, 2)) for k, end in enumerate(ends)]
    axis = around(values, ticks=2)
    return [axis.percent(v) for v in values], [
        (axis.percent(tick), tick_label(tick)) for tick in axis.ticks()
    ]


def side_by_side(labels: Sequence[str]) -> tuple[list[float], Ticks]:
    """Where choices stand, in percent, in the order of their names."""
    names = sorted(set(labels))
    at = {name: 100 * (k + 0.5) / len(names) for k, name in enumerate(names)}
    return [at[name] for name in labels], [(x, shortened(name)) for name, x in at.items()]


def shortened(name: str) -> str:
    """A choice that may be a whole section, short enough to stand under a chart."""
    return name if len(name) <= 14 else f"{name[:13]}\N{HORIZONTAL ELLIPSIS}"


def front_chart(found: Findings) -> Markup:
    """Every setting as a line over the tasks: those that no other beats for every task are bold."""
    tasks = list(found.metrics)
    complete = [s for s in found.settings if s.state == "complete" and s.tasks]
    axis = around([change.value for s in complete for change in s.tasks.values()], ticks=5)
    at = [100 * k / max(len(tasks) - 1, 1) for k in range(len(tasks))]
    shapes = []
    for setting in sorted(complete, key=lambda s: (s.front, s.number == found.best)):
        points = [
            (x, 100 - axis.percent(setting.tasks[task].value))
            for x, task in zip(at, tasks, strict=True)
        ]
        kind = "front" if setting.front else "behind"
        shapes.append(line(points, f"{kind} best" if setting.number == found.best else kind))
    text = []
    for task in tasks:
        order = sorted(complete, key=lambda s: -s.tasks[task].value)[:5]
        most = ", ".join(f"{s.number}: {100 * s.tasks[task].value:+.1f} %" for s in order)
        text.append(f"{task}: {most}")
    return frame(
        shapes,
        [(x, f"{number}") for number, x in enumerate(at, start=1)],
        axis,
        label="Each setting's change of every task",
        hover=Hover(x=at, text=[minus(entry) for entry in text]),
        y_percent=True,
    )


def change_of(setting: Setting) -> float:
    """What a setting is worth."""
    return setting.objective.value if setting.objective is not None else 0.0
