"""Numbers and durations as people read them."""

from __future__ import annotations

import math


def count(value: float) -> str:
    """A count in full: ``12,345``."""
    return f"{round(value):,}"


def short_count(value: float) -> str:
    """A count in a few characters: ``12.3 k``, ``4.56 M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scaled = value / (1e3 if unit == "k" else size)
            return f"{significant(scaled)} {unit}"
    return count(value)


def significant(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without an exponent where it can be helped."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    if abs(value) < 1e-4 or abs(value) >= 1e7:
        return f"{value:.{digits - 1}e}"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}"


def share(value: float) -> str:
    """A share in percent: ``8.3 %``."""
    return f"{100 * value:.1f} %"


def duration(seconds: float) -> str:
    """``45 s``, ``12 min 30 s``, ``3 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def sort_key(value: float | None) -> float:
    """What a table is sorted by: a number that JavaScript reads, below all others for none."""
    return value if value is not None and math.isfinite(value) else -1e300


def cosine(value: float) -> str:
    """A cosine with its sign; none where it rounds to zero."""
    return f"{value:+.2f}" if round(value, 2) else "0.00"


def score(value: float, top: float) -> str:
    """A metric's value: one decimal where it reaches to 100, three where it reaches to 1."""
    return minus(f"{value:.1f}" if top > 1.5 else f"{value:.3f}")


def signed_score(value: float, top: float) -> str:
    """A change of a metric, with its sign; none where it rounds to zero."""
    decimals = 1 if top > 1.5 else 3
    rounded = round(value, decimals)
    return minus(f"{rounded:+.{decimals}f}" if rounded else f"{0:.{decimals}f}")


def minus(text: str) -> str:
    """A true minus sign for the hyphen that Python writes."""
    return text.replace("-", "\N{MINUS SIGN}")
