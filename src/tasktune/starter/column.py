"""What a column holds, by its values."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Holds = Literal["text", "label", "number", "identifier", "one value", "nothing", "lists"]
MOST_LABELS = 200
NUMBERS_AS_LABELS = 12  # different whole numbers that may be labels


@dataclass(frozen=True)
class Column:
    """One column of a table, as some rows show it.

    :param words: the mean number of words of a value.
    :param longest: characters of the longest value.
    :param different: how many different values there are.
    :param empty: the share of rows that have none.
    """

    name: str
    holds: Holds
    words: float
    longest: int
    different: int
    empty: float

    @property
    def described(self) -> str:
        """In a few words, for a comment."""
        if self.holds == "label":
            return f"{self.different} different values"
        if self.holds == "text":
            return f"texts of {self.words:.0f} words"
        return {"number": "numbers", "identifier": "names of rows"}.get(self.holds, self.holds)


def look(name: str, values: Sequence[Any]) -> Column:
    """What a column holds."""
    there = [value for value in values if value is not None and str(value).strip()]
    texts = [str(value) for value in there]
    counts = Counter(texts)
    words = sum(len(text.split()) for text in texts) / max(len(texts), 1)
    return Column(
        name=name,
        holds=holds(there, counts, words),
        words=words,
        longest=max((len(text) for text in texts), default=0),
        different=len(counts),
        empty=1 - len(there) / max(len(values), 1),
    )


def holds(there: Sequence[Any], counts: Counter[str], words: float) -> Holds:
    """Labels are few and come again; numbers are many; names of rows have no spaces."""
    if not there:
        return "nothing"
    if any(isinstance(value, (list, tuple)) for value in there):
        return "lists"
    if any(isinstance(value, dict) for value in there):
        return "identifier"
    if len(counts) == 1:
        return "one value"
    again = len(there) / len(counts)
    numbers = [as_number(text) for text in counts]
    if all(number is not None for number in numbers):
        whole = all(number is not None and number.is_integer() for number in numbers)
        return "label" if whole and len(counts) <= NUMBERS_AS_LABELS and again >= 2 else "number"
    if len(counts) <= MOST_LABELS and again >= 3 and words <= 5:
        return "label"
    if words <= 1.2 and all(re.search(r"[\d_]", text) for text in list(counts)[:50]):
        return "identifier"
    return "text"


def as_number(text: str) -> float | None:
    """A finite number, where the text is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
