"""Near duplicates by MinHash and locality-sensitive hashing, each candidate then compared in full.

MinHash, Broder 1997; the Rust library rensa hashes and finds candidates. Texts are sets of their
runs of five characters, so that a changed word, a typo or other punctuation leaves most in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import rensa

from tasktune.inspection.texts import Texts, folded

GRAM = 5  # characters
SHORTEST = 20  # characters: two shorter texts are alike by chance
LONGEST = 4000  # characters that are looked at
ALIKE = 0.7  # Jaccard similarity of two texts that say nearly the same
BANDS, ROWS = 24, 5  # finds a pair of similarity 0.7 with probability 0.99
CANDIDATES = 30  # compared in full, of each text
CROWD = 300  # candidates: a text with more is not itself kept to be found, or time is quadratic
SEED = 42


@dataclass(frozen=True)
class Example:
    """An example by where it stands: ``row`` counts the texts that are looked at."""

    texts: Texts
    row: int

    @property
    def place(self) -> str:
        """File and line."""
        return self.texts.places[self.row]


@dataclass(frozen=True)
class Pair:
    """Two examples that say nearly, but not quite, the same.

    :param similarity: Jaccard, of their texts without the template.
    """

    first: Example
    second: Example
    similarity: float


def near_pairs(splits: Sequence[Texts]) -> list[Pair]:
    """Pairs of texts that are nearly equal; equal ones are another check's."""
    examples = [
        Example(texts, row)
        for texts in splits
        for row, content in first_of_each(texts)
        if len(content) >= SHORTEST
    ]
    index = rensa.RMinHashLSH(ALIKE, BANDS * ROWS, BANDS)
    pairs = []
    for number, example in enumerate(examples):
        hashed = rensa.RMinHash(BANDS * ROWS, SEED)
        own = grams(content_of(example))
        hashed.update(own)
        candidates = sorted(index.query(hashed), reverse=True)
        for candidate in candidates[:CANDIDATES]:
            other = examples[candidate]
            similarity = jaccard(own, grams(content_of(other)))
            equal = content_of(other) == content_of(example)
            if similarity >= ALIKE and not equal and same_answer(other, example):
                pairs.append(Pair(other, example, similarity))
        if len(candidates) < CROWD:
            index.insert(number, hashed)
    return pairs


def first_of_each(texts: Texts) -> list[tuple[int, str]]:
    """Each content of a split once."""
    seen: dict[str, int] = {}
    for row, content in enumerate(texts.contents):
        seen.setdefault(content, row)
    return [(row, content) for content, row in seen.items()]


def content_of(example: Example) -> str:
    """What an example says."""
    return example.texts.contents[example.row]


def same_answer(first: Example, second: Example) -> bool:
    """Whether two examples of a task that writes are near in what it writes, too.

    Two questions about one long passage are nearly equal texts, and different examples.
    """
    if first.texts.task is not second.texts.task or first.texts.task.kind != "generation":
        return True
    one, other = (folded(e.texts.targets[e.row]) for e in (first, second))
    return one == other or jaccard(grams(one), grams(other)) >= ALIKE / 2


def grams(text: str) -> set[str]:
    """A text's runs of ``GRAM`` characters."""
    text = text[:LONGEST]
    return {text[i : i + GRAM] for i in range(max(len(text) - GRAM + 1, 1))}


def jaccard(first: set[str], second: set[str]) -> float:
    """What two sets share, of what they hold together."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared)
