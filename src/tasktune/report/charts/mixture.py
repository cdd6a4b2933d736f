"""Which share of the draws each task got, over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from tasktune.report.axis import Axis, step_axis
from tasktune.report.format import share
from tasktune.report.markup import element, polyline
from tasktune.report.palette import colour
from tasktune.report.plot import Hover, Point, frame, line


@dataclass(frozen=True)
class Mixing:
    """Shares of draws by step.

    :param shares: ``[steps][K]``; each row sums to 1.
    :param planned: the mixture's own rates where the log has them, ``[steps][K]`` or empty.
    """

    tasks: list[str]
    steps: list[int]
    shares: list[list[float]]
    planned: list[list[float]]


def mixture_chart(mixing: Mixing, last_step: int) -> Markup:
    """Actual draws as stacked areas, planned rates as lines over them."""
    x, y = step_axis(last_step, 5), Axis(0.0, 1.0, 0.25)
    places = [x.percent(step) for step in mixing.steps]
    tops = stack(mixing.shares)
    shapes = [
        area(places, upper, lower, colour(k)) for k, (lower, upper) in enumerate(pairwise(tops))
    ]
    if mixing.planned:
        for boundary in stack(mixing.planned)[1:-1]:
            shapes.append(line(heights(stretch(places), stretch(boundary)), "planned"))
    hover = Hover(places, [describe(mixing, i) for i in range(len(mixing.steps))])
    label = "Share of draws of each task over steps"
    return frame(shapes, x, y, label=label, hover=hover, y_percent=True)


def stack(rows: list[list[float]]) -> list[list[float]]:
    """Running sums over the tasks: ``[K + 1][steps]``, from 0 to 1."""
    count = len(rows[0]) if rows else 0
    sums = [[0.0] * len(rows)]
    for k in range(count):
        sums.append([below + row[k] for below, row in zip(sums[-1], rows, strict=True)])
    return sums


def stretch(values: Sequence[float]) -> list[float]:
    """Repeats the first value: a line of the log speaks for the steps before it too."""
    return [values[0], *values]


def heights(places: Sequence[float], values: Sequence[float]) -> list[Point]:
    """Points of a boundary, from the left edge on."""
    return [
        (0.0 if i == 0 else at, 100 - 100 * value)
        for i, (at, value) in enumerate(zip(places, values, strict=True))
    ]


def area(places: list[float], upper: list[float], lower: list[float], fill: str) -> Markup:
    """The band between two boundaries."""
    above = heights(stretch(places), stretch(upper))
    below = heights(stretch(places), stretch(lower))
    points = polyline([*above, *reversed(below)])
    return element("polygon", points=points, class_="band", style=f"fill:{fill}")


def describe(mixing: Mixing, index: int) -> str:
    """All shares at one step, the largest first."""
    ranked = sorted(zip(mixing.shares[index], mixing.tasks, strict=True), reverse=True)
    lines = [f"{share(value)}  {task}" for value, task in ranked[:14]]
    rest = len(ranked) - len(lines)
    more = [f"and {rest} more"] if rest > 0 else []
    return "\n".join([f"up to step {mixing.steps[index]:,}", *lines, *more])
