"""One row of a heat map over the steps."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from tasktune.report.markup import element
from tasktune.report.plot import canvas


def strip(label: str, stretches: Iterable[tuple[int, str, str]], last_step: int) -> Markup:
    """A row of coloured cells.

    :param stretches: of each the step that it goes up to, what is said of it, and its CSS colour.
    """
    cells = []
    begun = 0
    for step, said, colour in stretches:
        cells.append(
            element(
                "rect",
                [element("title", [f"up to step {step:,}: {said}"])],
                x=100 * begun / last_step,
                y=0,
                # a hair wider than its share, so that no seam shows between cells
                width=100 * (step - begun) / last_step + 0.15,
                height=100,
                style=f"fill:{colour}",
            )
        )
        begun = step
    return element("div", [canvas(cells)], class_="strip", role="img", aria_label=label)
