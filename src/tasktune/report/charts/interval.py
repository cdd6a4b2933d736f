"""A score with its interval, before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from tasktune.report.axis import Axis
from tasktune.report.markup import element
from tasktune.report.plot import canvas, dot


@dataclass(frozen=True)
class Score:
    """A metric's value with its 95 % interval; ``low`` and ``high`` are equal where it has none."""

    value: float
    low: float
    high: float

    def overlaps(self, other: Score) -> bool:
        """Whether the two intervals share a point."""
        return self.low <= other.high and other.low <= self.high


def interval_chart(metric: str, after: Score, before: Score | None, axis: Axis) -> Markup:
    """Whiskers and dots on the metric's whole range, so that rows can be compared by eye."""
    shapes = [element("line", x1=0, x2=100, y1=50, y2=50, class_="track")]
    if axis.low < 0:
        zero = axis.percent(0)
        shapes.append(element("line", x1=zero, x2=zero, y1=20, y2=80, class_="track"))
    rows = [(after, "after", 50.0)] if before is None else [(before, "before", 26.0)]
    rows += [] if before is None else [(after, "after", 70.0)]
    for score, name, height in rows:
        low, high = axis.percent(score.low), axis.percent(score.high)
        shapes.append(
            element("line", x1=low, x2=high, y1=height, y2=height, class_=f"whisker {name}")
        )
        shapes.append(dot(axis.percent(score.value), height, class_=f"dot {name}"))
    label = f"{metric} {after.value:.3g}"
    if math.isfinite(after.low) and math.isfinite(after.high):
        label += f", 95 % interval {after.low:.3g} to {after.high:.3g}"
    return element("div", [canvas(shapes)], class_="interval", role="img", aria_label=label)
