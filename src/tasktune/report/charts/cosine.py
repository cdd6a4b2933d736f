"""Cosines as colours: one hue where gradients agree, another where they pull apart."""

from __future__ import annotations

from markupsafe import Markup

from tasktune.report.charts.strip import strip
from tasktune.report.format import cosine
from tasktune.report.series import Series


def shade(value: float) -> str:
    """The CSS colour of a cosine, strongest at 0.5 either way and never too dark for text."""
    strength = round(60 * min(abs(value) / 0.5, 1.0))
    hue = "--accent" if value >= 0 else "--second"
    return f"color-mix(in srgb, var({hue}) {strength}%, var(--surface))"


def cosine_strip(pair: str, cosines: Series, last_step: int) -> Markup:
    """A pair's cosine over the steps, as one row of a heat map."""
    stretches = [(step, cosine(value), shade(value)) for step, value in cosines.points]
    return strip(f"Cosine of {pair}", stretches, last_step)
