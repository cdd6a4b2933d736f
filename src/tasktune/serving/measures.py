"""What an engine counts; somebody who keeps figures overrides what it wants to know."""

from __future__ import annotations


class Measures:
    """Counts nothing."""

    def step(self, *, texts: int, tasks: int, read: int, seconds: float) -> None:
        """A pass in which ``texts`` of ``tasks`` tasks got a token, after ``read`` of prompts."""

    def classified(self, *, rows: int, tasks: int, seconds: float) -> None:
        """A pass in which ``rows`` of ``tasks`` tasks were classified."""

    def wrote(self, tokens: int) -> None:
        """A text of so many tokens has ended."""
