"""A number as a bar beside the others of its column."""

from __future__ import annotations

from markupsafe import Markup

from tasktune.report.markup import element
from tasktune.report.plot import canvas


def bar(value: float, top: float) -> Markup:
    """A bar whose full width is ``top``."""
    width = 100 * value / top if top > 0 else 0.0
    shape = element("rect", x=0, y=0, width=width, height=100, style="fill:var(--accent)")
    return element("div", [canvas([shape])], class_="bar")
