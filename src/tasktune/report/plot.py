"""The frame of a chart: ticks in HTML, shapes in an SVG that stretches with the page.

Text that is drawn into an SVG shrinks with it and can't be read on a phone, so labels are HTML,
placed in percent; shapes live in a box of 100 by 100, with strokes that don't scale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from markupsafe import Markup

from tasktune.report.axis import Axis, tick_label
from tasktune.report.markup import element, polyline

Point = tuple[float, float]


@dataclass(frozen=True)
class Hover:
    """What stands under the pointer: at each ``x``, in percent, a text."""

    x: list[float]
    text: list[str]


def canvas(shapes: Iterable[Markup], **attributes: str) -> Markup:
    """The stretching SVG: x and y from 0 to 100, y downwards."""
    return element(
        "svg", shapes, viewBox="0 0 100 100", preserveAspectRatio="none", aria_hidden="true",
        **attributes,
    )  # fmt: skip


def line(points: Sequence[Point], class_: str, style: str | None = None) -> Markup:
    """A line; one of a single point is a dot."""
    if len(points) == 1:
        return dot(*points[0], class_=f"{class_} dot", style=style)
    return element("polyline", points=polyline(points), class_=class_, style=style)


def dot(x: float, y: float, class_: str, style: str | None = None) -> Markup:
    """A round dot that stays round when the SVG stretches: a line of no length with round ends."""
    return element("line", x1=x, y1=y, x2=x, y2=y, class_=class_, style=style)


def frame(
    shapes: Iterable[Markup],
    x: Axis | Sequence[tuple[float, str]],
    y: Axis,
    *,
    label: str,
    hover: Hover,
    y_percent: bool = False,
) -> Markup:
    """A chart with its axes.

    :param x: a scale, or where in percent which label stands.
    :param label: what the chart shows, for those who can't see it.
    """
    heights = [(tick, 100 - y.percent(tick)) for tick in y.ticks()]
    grid = [element("line", x1=0, x2=100, y1=at, y2=at, class_="grid") for _, at in heights]
    written = [
        element(
            "span",
            [f"{100 * tick:g} %" if y_percent else tick_label(tick)],
            class_="y-tick",
            style=f"top:{at:.2f}%",
        )
        for tick, at in heights
    ]
    if isinstance(x, Axis):
        x = [(x.percent(tick), tick_label(tick)) for tick in x.ticks()]
    below = [element("span", [text], class_="x-tick", style=f"left:{at:.2f}%") for at, text in x]
    area = element(
        "div",
        [canvas([*grid, *shapes])],
        class_="area",
        data_hover=json.dumps(asdict(hover)),
    )
    return element("div", [area, *written, *below], class_="plot", role="img", aria_label=label)
