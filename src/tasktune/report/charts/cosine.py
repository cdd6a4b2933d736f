"""Cosines as colours: one hue where gradients agree, another where they pull apart."""

from __future__ import annotations

from markupsafe import Markup

from tasktune.report.markup import element
from tasktune.report.plot import canvas
from tasktune.report.series import Series


def shade(value: float) -> str:
    """The CSS colour of a cosine, strongest at 0.5 either way and never too dark for text."""
    strength = round(60 * min(abs(value) / 0.5, 1.0))
    hue = "--accent" if value >= 0 else "--second"
    return f"color-mix(in srgb, var({hue}) {strength}%, var(--surface))"


def cosine_strip(pair: str, cosines: Series, last_step: int) -> Markup:
    """A pair's cosine over the steps, as one row of a heat map."""
    cells = []
    begun = 0
    for step, value in cosines.points:
        cells.append(
            element(
                "rect",
                [element("title", [f"up to step {step:,}: {value:+.2f}"])],
                x=100 * begun / last_step,
                y=0,
                width=100 * (step - begun) / last_step + 0.15,
                height=100,
                style=f"fill:{shade(value)}",
            )
        )
        begun = step
    return element(
        "div", [canvas(cells)], class_="strip", role="img", aria_label=f"Cosine of {pair}"
    )
