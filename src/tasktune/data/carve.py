"""A validation split out of train, where the user gives none."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from tasktune.data.split import Example
from tasktune.errors import UserError


def digest(example: Example, seed: int) -> int:
    """What decides an example's side: its own text and the seed, 64 bits."""
    text = f"{seed}\0{example.prompt}\0{example.target}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def carve(
    digests: NDArray[np.uint64], fraction: float, key: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which examples train and which validate.

    An example's side depends on its own text and the seed: not on the order of rows, and examples
    of the same text are never on both sides.

    :param digests: of each example, ``[n]``.
    :returns: indices for training and for validation, each ascending.
    :raises UserError: if nothing would be left to train on.
    """
    ordered = np.sort(digests)
    last = max(round(len(digests) * fraction), 1) - 1
    aside = digests <= ordered[last]
    if aside.all():
        raise UserError(
            f"{key}: {len(digests)} example(s) are too few to set some aside for validation; name"
            " a validation file"
        )
    return np.flatnonzero(~aside), np.flatnonzero(aside)
