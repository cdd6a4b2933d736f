"""The log as one series a task, thin enough to draw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MOST_POINTS = 200


@dataclass(frozen=True)
class Series:
    """Values by step; a step without a value is left out."""

    steps: list[int]
    values: list[float]

    @property
    def points(self) -> list[tuple[int, float]]:
        """``(step, value)``."""
        return list(zip(self.steps, self.values, strict=True))


def series(pairs: Iterable[tuple[int, Any]]) -> Series:
    """What can be drawn of steps and their values."""
    found = [(step, finite(value)) for step, value in pairs]
    kept = [(step, value) for step, value in found if value is not None]
    return Series([step for step, _ in kept], [value for _, value in kept])


def task_series(lines: list[dict[str, Any]], task: str, field: str) -> Series:
    """One field of one task over the log's lines."""
    return thin(series((line["step"], line["tasks"].get(task, {}).get(field)) for line in lines))


def evaluation_series(lines: list[dict[str, Any]], task: str, metric: str) -> Series:
    """One metric of one task over the validations."""
    return series((line["step"], line["evaluation"].get(task, {}).get(metric)) for line in lines)


def validation_losses(looks: list[dict[str, Any]], task: str) -> Series:
    """A task's validation loss at each of the monitor's looks."""
    found = [(line["step"], line["monitor"].get(task, {})) for line in looks]
    return series((step, look.get("validation_loss")) for step, look in found)


def finite(value: Any) -> float | None:
    """A number that can be drawn, or None."""
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def thin(series: Series, most: int = MOST_POINTS) -> Series:
    """Means over equal stretches, so that there are at most ``most`` points."""
    stretch = math.ceil(len(series.steps) / most)
    if stretch <= 1:
        return series
    pieces = range(0, len(series.steps), stretch)
    values = [series.values[i : i + stretch] for i in pieces]
    return Series(
        [series.steps[min(i + stretch, len(series.steps)) - 1] for i in pieces],
        [sum(piece) / len(piece) for piece in values],
    )


def smooth(series: Series, window: int = 9) -> Series:
    """The mean over ``window`` neighbours, half of them on either side; fewer at the ends."""
    half = window // 2
    values = []
    for i in range(len(series.values)):
        reach = min(half, i, len(series.values) - 1 - i)
        near = series.values[i - reach : i + reach + 1]
        values.append(sum(near) / len(near))
    return Series(series.steps, values)
