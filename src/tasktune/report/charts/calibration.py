"""How sure a classification is against how often it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tasktune.report.axis import Axis, around
from tasktune.report.format import share
from tasktune.report.markup import element
from tasktune.report.plot import Hover, dot, frame, line


@dataclass(frozen=True)
class Bin:
    """Examples of about the same confidence.

    :param confidence: their mean confidence, 0 to 1.
    :param accuracy: the share of them that is right.
    """

    count: int
    confidence: float
    accuracy: float


def reliability_chart(task: str, bins: Sequence[Bin]) -> Markup:
    """Accuracy over confidence: on the diagonal the model is as sure as it is right.

    A dot's size says how many examples it stands for, so that a stray one is not taken for much.
    """
    axis = Axis(0.0, 1.0, 0.5)
    points = [(axis.percent(b.confidence), 100 - axis.percent(b.accuracy)) for b in bins]
    most = max((b.count for b in bins), default=1)
    shapes = [element("line", x1=0, y1=100, x2=100, y2=0, class_="diagonal")]
    shapes += [
        dot(*point, class_="dot", style=f"stroke-width:{4 + 10 * (b.count / most) ** 0.5:.1f}")
        for point, b in zip(points, bins, strict=True)
    ]
    hover = Hover(
        x=[x for x, _ in points],
        text=[
            f"{share(b.confidence)} sure\n{share(b.accuracy)} right\n{b.count:,} examples"
            for b in bins
        ],
    )
    label = f"{task}: share of right answers over confidence"
    return frame(shapes, percent_ticks(), axis, label=label, hover=hover, y_percent=True)


def abstention_chart(task: str, coverage: Sequence[float], accuracy: Sequence[float]) -> Markup:
    """Accuracy over the share of examples that are answered, the surest first."""
    x, y = Axis(0.0, 1.0, 0.5), around([*accuracy, 1.0], ticks=2)
    points = [(x.percent(c), 100 - y.percent(a)) for c, a in zip(coverage, accuracy, strict=True)]
    hover = Hover(
        x=[at for at, _ in points],
        text=[
            f"the surest {share(c)}\n{share(a)} right"
            for c, a in zip(coverage, accuracy, strict=True)
        ],
    )
    label = f"{task}: share of right answers over the share that is answered"
    shapes = [line(points, "train")]
    return frame(shapes, percent_ticks(), y, label=label, hover=hover, y_percent=True)


def percent_ticks() -> list[tuple[float, str]]:
    """The horizontal axis: 0 to 100 %."""
    return [(0.0, "0 %"), (50.0, "50 %"), (100.0, "100 %")]
