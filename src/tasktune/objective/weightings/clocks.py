"""Methods that need some time before they act."""

from __future__ import annotations

from tasktune.errors import UserError


def too_short(method: str, option: str, needed: int, steps: int) -> str | None:
    """What to say of a method that first acts after ``needed`` steps of a run of ``steps``.

    :raises UserError: if it would never act.
    """
    if needed >= steps:
        raise UserError(
            f"weighting.{option}: {method} first acts after {needed} steps and the run has {steps};"
            f" lower {option} or train longer"
        )
    if needed * 2 > steps:
        return (
            f"weighting: {method} acts from step {needed} of {steps} only; a lower {option} helps"
        )
    return None
