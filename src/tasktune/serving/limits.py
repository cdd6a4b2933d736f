"""How much a server takes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused, and when.

    :param batch_tokens: in one forward pass; a longer prompt is refused.
    :param sequences: texts that are written at once.
    :param cached_tokens: positions that the cache may have, over all sequences.
    :param queue: requests that may wait; one more is told to come again.
    :param new_tokens: the most that a request may ask for.
    :param rows: the most that one request may have classified.
    :param body_bytes: of a request.
    :param timeout: seconds that a request may take, waiting counted.
    :param grace: seconds that running requests get when the server is told to stop.
    """

    batch_tokens: int = 4096
    sequences: int = 64
    cached_tokens: int = 131_072
    queue: int = 256
    new_tokens: int = 1024
    rows: int = 256
    body_bytes: int = 1_000_000
    timeout: float = 120.0
    grace: float = 20.0
