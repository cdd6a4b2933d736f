"""A validation split out of train, where the user gives none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tasktune.data.split import Example
from tasktune.errors import UserError


def carve(
    examples: Sequence[Example], fraction: float, seed: int, key: str
) -> tuple[list[int], list[int]]:
    """Which examples train and which validate.

    An example's side depends on its own text and the seed: not on the order of rows, and examples
    of the same text are never on both sides.

    :returns: indices for training and for validation, each ascending.
    :raises UserError: if nothing would be left to train on.
    """
    digests = [
        hashlib.sha256(f"{seed}\0{e.prompt}\0{e.target}".encode()).digest() for e in examples
    ]
    order = sorted(range(len(examples)), key=lambda index: digests[index])
    count = max(round(len(examples) * fraction), 1)
    while count < len(order) and digests[order[count]] == digests[order[count - 1]]:
        count += 1
    if count >= len(order):
        raise UserError(
            f"{key}: {len(examples)} example(s) are too few to set some aside for validation; name"
            " a validation file"
        )
    return sorted(order[count:]), sorted(order[:count])
