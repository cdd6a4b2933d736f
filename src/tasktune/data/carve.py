"""A validation split out of train, where the user gives none."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from tasktune.errors import UserError


def digest(text: str, seed: int) -> int:
    """What decides a side: a text, or the name of a group, and the seed; 64 bits."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{text}".encode()).digest()[:8], "big")


def carve(
    digests: NDArray[np.uint64], fraction: float, key: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which examples train and which validate.

    A side depends on the example's text, or its group's name, and the seed: not on the order of
    rows, and examples of the same text or group are never on both sides.

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
