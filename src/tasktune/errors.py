"""Exceptions that are no fault of ours: what the user can mend, and a run that was asked to end."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake of the user's. Its text is one line that names the place and the way out.

    The command line prints it on stderr without a traceback and exits with 2.
    """


class Interrupted(Exception):
    """A run was asked to end, and ended with everything saved.

    :param number: the signal's.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint that ends a message about an unknown name: the nearest known one, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if names else "none are known here"
