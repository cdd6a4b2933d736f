"""How much each task weighed in the update, over the steps."""

from __future__ import annotations

from markupsafe import Markup

from tasktune.report.charts.strip import strip
from tasktune.report.format import significant
from tasktune.report.series import Series


def weight_strip(
    task: str, weights: Series, top: float, last_step: int, shown: list[float] | None = None
) -> Markup:
    """One row of the heat map: the stronger the colour, the heavier.

    :param top: the largest weight of any task, in full colour.
    :param shown: what the hover says, where it is not the value itself.
    """
    stretches = []
    for (step, value), said in zip(weights.points, shown or weights.values, strict=True):
        strength = round(100 * value / top) if top > 0 else 0
        colour = f"color-mix(in srgb, var(--accent) {strength}%, var(--sunken))"
        stretches.append((step, significant(said), colour))
    return strip(task, stretches, last_step)
