"""A colour a task, told apart by colour-blind readers too.

The twelve are Paul Tol's "muted" and "bright" schemes, ordered so that neighbours differ in
lightness. They stand in the style sheet as ``--task-0`` to ``--task-11``, lighter on a dark page.
Beyond twelve they come again, paler; charts name each task beside its colour anyway.
"""

from __future__ import annotations

COLOURS = 12


def colour(index: int) -> str:
    """The CSS colour of the task with this index."""
    variable = f"var(--task-{index % COLOURS})"
    if index < COLOURS:
        return variable
    strength = 60 if index < 2 * COLOURS else 35
    return f"color-mix(in srgb, {variable} {strength}%, var(--surface))"
