"""A task's loss over the steps, with its validation."""

from __future__ import annotations

from markupsafe import Markup

from tasktune.report.axis import around, ends, step_axis
from tasktune.report.format import significant
from tasktune.report.plot import Hover, Point, dot, frame, line
from tasktune.report.series import Series, smooth

NOISY = 40  # points; more than this are smoothed, with the raw line faint behind


def loss_chart(task: str, train: Series, validation: Series, last_step: int) -> Markup:
    """The training loss as a line, the validation loss as dots."""
    x = step_axis(last_step, 3)
    y = around([*train.values, *validation.values])

    def place(series: Series) -> list[Point]:
        return [(x.percent(step), 100 - y.percent(value)) for step, value in series.points]

    shapes = []
    drawn = train
    if len(train.values) > NOISY:
        shapes.append(line(place(train), "train faint"))
        drawn = smooth(train)
    if drawn.values:
        shapes.append(line(place(drawn), "train"))
    shapes += [dot(*point, class_="validation dot") for point in place(validation)]
    hover = Hover(
        x=[x.percent(step) for step in train.steps],
        text=[f"step {step:,}: {significant(value)}" for step, value in train.points],
    )
    return frame(shapes, x, y, label=f"Training loss of {task} over steps", hover=hover)


def metric_chart(task: str, metric: str, values: Series, last_step: int) -> Markup:
    """A metric on the validation split: dots, joined."""
    x, y = step_axis(last_step, 3), ends(around(values.values, ticks=2))
    points = [(x.percent(step), 100 - y.percent(value)) for step, value in values.points]
    shapes = [line(points, "validation")] if len(points) > 1 else []
    shapes += [dot(*point, class_="validation dot") for point in points]
    hover = Hover(
        x=[x.percent(step) for step in values.steps],
        text=[f"step {step:,}: {significant(value)}" for step, value in values.points],
    )
    label = f"{metric} of {task} on validation over steps"
    return frame(shapes, x, y, label=label, hover=hover)
