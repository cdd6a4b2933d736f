"""A problem: what is wrong, how much it matters, and the line of YAML that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


@dataclass(frozen=True)
class Problem:
    """Something that the user would want to know before training.

    :param severity: ``high`` makes scores wrong or the run impossible, ``medium`` costs quality,
        ``low`` is to be known.
    :param check: which check found it.
    :param place: the YAML key that it is about, such as ``tasks.sst2.test``.
    :param message: what is the matter, with figures.
    :param mend: the YAML that would mend it.
    :param size: how much of the split it concerns, 0 to 1; ranks within a severity.
    """

    severity: Severity
    check: str
    place: str
    message: str
    mend: str
    size: float = 0.0


@dataclass(frozen=True)
class Finding:
    """What one check found.

    :param figures: JSON.
    """

    figures: Any
    problems: list[Problem] = field(default_factory=list)


def examples(count: int, share: float) -> str:
    """How many, as a message says it: ``12 examples (3.4%)``."""
    return f"{count:,} example{'' if count == 1 else 's'} ({share:.1%})"


def ranked(problems: Iterable[Problem]) -> list[Problem]:
    """The worst first."""
    order = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    return sorted(problems, key=lambda p: (order[p.severity], -p.size, p.place, p.check))
