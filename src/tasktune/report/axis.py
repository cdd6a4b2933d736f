"""Scales and their ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A linear scale from ``low`` to ``high``, with a tick every ``step``."""

    low: float
    high: float
    step: float

    def percent(self, value: float) -> float:
        """Where ``value`` lies, 0 to 100, clipped to the scale."""
        if self.high <= self.low:
            return 50.0
        return min(max(100 * (value - self.low) / (self.high - self.low), 0.0), 100.0)

    def ticks(self) -> list[float]:
        """The multiples of ``step`` on the scale; both ends where ``step`` spans it."""
        if self.step == self.high - self.low:
            return [self.low, self.high]
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        return [index * self.step for index in range(first, last + 1)]


def step_axis(last: int, ticks: int) -> Axis:
    """A scale of training steps, from 0 to the last."""
    return Axis(0.0, float(last), max(nice_step(last / ticks), 1.0))


def nice_step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if rough <= 0 or not math.isfinite(rough):
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))


def around(values: Iterable[float], ticks: int = 3) -> Axis:
    """A scale of about ``ticks`` steps whose ends are round and that holds all ``values``."""
    held = [value for value in values if math.isfinite(value)]
    if not held:
        return Axis(0.0, 1.0, 0.5)
    low, high = min(held), max(held)
    if high - low < 1e-9:
        below = low - max(abs(low), 1) * 0.1
        low, high = max(below, 0.0) if low >= 0 else below, high + max(abs(high), 1) * 0.1
    step = nice_step((high - low) / ticks)
    return Axis(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)


def change_axis(changes: Sequence[tuple[float, float, float]]) -> Axis:
    """A scale that holds zero and all changes, and of their intervals what is no wider than thrice
    the changes' own range.

    :param changes: ``(value, low, high)``.
    """
    values = [value for value, _, _ in changes] + [0.0]
    room = 1.5 * (max(values) - min(values)) or 0.1
    lows = [max(low, min(values) - room) for _, low, _ in changes]
    highs = [min(high, max(values) + room) for _, _, high in changes]
    return around([*values, *lows, *highs])


def ends(axis: Axis) -> Axis:
    """The same scale with a tick at either end alone, for a chart that is low."""
    return Axis(axis.low, axis.high, axis.high - axis.low)


def tick_label(value: float) -> str:
    """A tick as short as it goes."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.10g}" if abs(value) >= 1e-9 else "0"
