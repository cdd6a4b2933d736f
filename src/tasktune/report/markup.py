"""HTML and SVG elements whose every attribute and text is escaped.

Task names, metric names and texts come out of users' files: none is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

Attribute = str | int | float | None


def element(name: str, children: Iterable[str | Markup] = (), **attributes: Attribute) -> Markup:
    """An element; ``class_`` stands for ``class`` and ``data_x`` for ``data-x``.

    :param children: text, which is escaped, and elements, which are already.
    :param attributes: those that are None are left out.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), number(value))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), written, inside)


def number(value: str | int | float) -> str:
    """Coordinates to a hundredth: enough for a page, and half the bytes."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def polyline(points: Iterable[tuple[float, float]]) -> str:
    """``x,y x,y`` as SVG takes it."""
    return " ".join(f"{number(float(x))},{number(float(y))}" for x, y in points)
