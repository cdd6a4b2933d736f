"""How much each task weighed in the update, over the steps."""

from __future__ import annotations

from markupsafe import Markup

from tasktune.report.format import significant
from tasktune.report.markup import element
from tasktune.report.plot import canvas
from tasktune.report.series import Series


def weight_strip(
    task: str, weights: Series, top: float, last_step: int, shown: list[float] | None = None
) -> Markup:
    """One row of the heat map: the stronger the colour, the heavier.

    :param top: the largest weight of any task, in full colour.
    :param shown: what the hover says, where it is not the value itself.
    """
    cells = []
    begun = 0
    for index, (step, value) in enumerate(weights.points):
        said = value if shown is None else shown[index]
        strength = round(100 * value / top) if top > 0 else 0
        cells.append(
            element(
                "rect",
                [element("title", [f"up to step {step:,}: {significant(said)}"])],
                x=100 * begun / last_step,
                y=0,
                # a hair wider than its share, so that no seam shows between cells
                width=100 * (step - begun) / last_step + 0.15,
                height=100,
                style=f"fill:color-mix(in srgb, var(--accent) {strength}%, var(--sunken))",
            )
        )
        begun = step
    return element("div", [canvas(cells)], class_="strip", role="img", aria_label=task)
