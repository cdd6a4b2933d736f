"""How the products of a batch's slices are cut: a slice each, or in lengths that come up again.

In half precision on a CPU, oneDNN builds a kernel for each shape that it has not met yet, which
takes longer than a slice's product; and tasks' slices are of other lengths in every batch. So they
are worked off in lengths that are multiples of ``ROUND``, and what is too much is not used.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

ROUND = 32


def rounds(rows: Tensor) -> bool:
    """Whether slices of these are worked off in round lengths."""
    return rows.device.type == "cpu" and rows.dtype in (torch.bfloat16, torch.float16)


@lru_cache(maxsize=4)
def row_ranges(offsets: tuple[int, ...], rounded: bool) -> list[tuple[int, int, int]]:
    """Slice, start and length of each product of rows, to be made in this order.

    One of round length reaches into the slices behind it, whose own products come later and
    overwrite what it leaves there; where none is behind it, its round part and the rest are apart.
    """
    ranges = []
    for k, (start, end) in enumerate(pairwise(offsets)):
        cuts = [start, end]
        if rounded and start + _round_up(end - start) <= offsets[-1]:
            cuts = [start, start + _round_up(end - start)]
        elif rounded:
            cuts = [start, end - (end - start) % ROUND, end]
        ranges += [(k, first, last - first) for first, last in pairwise(cuts) if last > first]
    return ranges


@lru_cache(maxsize=4)
def sum_ranges(offsets: tuple[int, ...], rounded: bool) -> list[tuple[int, int, int, int]]:
    """Slice, its place on the left, its start on the right and the length of each sum over rows.

    One of round length begins earlier or ends later than its slice: ``padding`` has zeros there.
    """
    ranges, place = [], 0
    for k, (start, end) in enumerate(pairwise(offsets)):
        length = min(_round_up(end - start), offsets[-1]) if rounded else end - start
        if end > start:
            ranges.append((k, place, min(start, offsets[-1] - length), length))
            place += length
    return ranges


@lru_cache(maxsize=4)
def padding(offsets: tuple[int, ...]) -> Tensor:
    """Which row stands where on the left of the sums; a row behind the last one is zero."""
    total = offsets[-1]
    parts = []
    for k, _, first, length in sum_ranges(offsets, True):
        index = torch.arange(first, first + length)
        own = (index >= offsets[k]) & (index < offsets[k + 1])
        parts.append(torch.where(own, index, total))
    return torch.cat(parts)


def _round_up(length: int) -> int:
    return -(-length // ROUND) * ROUND
