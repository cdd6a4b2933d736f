"""Which split a piece of text belongs to: a hash of its origin, the same on every machine.

Pre-training of the built-in model and the demo's tasks both ask here, so what the demo tests on
was never seen in pre-training either.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[Split, ...] = ("train", "validation", "test")

VALIDATION_SHARE = 0.08
TEST_SHARE = 0.14


def hash_fraction(key: str) -> float:
    """A number in [0, 1) that depends on nothing but the text of ``key``."""
    digest = hashlib.sha256(key.encode("utf-8")).digest()
    # Fifty-three bits are what a float holds exactly, so the result never rounds up to 1.
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def split_of(key: str) -> Split:
    """The split of everything that comes from ``key``: a module's path or an English name.

    :param key: where the text is from; all text of one key lands in one split.
    """
    fraction = hash_fraction(key)
    if fraction < TEST_SHARE:
        return "test"
    if fraction < TEST_SHARE + VALIDATION_SHARE:
        return "validation"
    return "train"
