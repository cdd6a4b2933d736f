"""How the products of a batch's slices are cut: a slice each, or in lengths that come up again.

In half precision on a CPU, oneDNN builds a kernel for each shape that it has not met yet, which
takes longer than a slice's product; and tasks' slices are of other lengths in every batch. So they
are worked off in lengths that are multiples of ``ROUND``, and what is too much is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor

ROUND = 32


class Ranges(NamedTuple):
    """Rows of a matrix, some after the others.

    :param end_to_end: whether they are all of its rows, each once.
    """

    starts: list[int]
    lengths: list[int]
    end_to_end: bool


def rounds(rows: Tensor) -> bool:
    """Whether slices of these are worked off in round lengths."""
    return rows.device.type == "cpu" and rows.dtype in (torch.bfloat16, torch.float16)


def views(values: Tensor, ranges: Ranges) -> Sequence[Tensor]:
    """Each range's rows. Ranges that lie end to end are split off in one call, which is faster."""
    if ranges.end_to_end:
        parts: tuple[Tensor, ...] = values.split(ranges.lengths)
        return parts
    return [values.narrow(0, *each) for each in zip(ranges.starts, ranges.lengths, strict=True)]


@lru_cache(maxsize=4)
def row_ranges(offsets: tuple[int, ...], rounded: bool) -> tuple[list[int], Ranges]:
    """The slice and the rows of each product of rows, to be made in this order.

    Rows of round length reach into the slices behind theirs, whose own products come later and
    overwrite what is left there; where none is behind it, a slice's round part and its rest are
    apart.
    """
    slices, starts, lengths = [], [], []
    for k, (start, end) in enumerate(pairwise(offsets)):
        cuts = [start, end]
        if rounded and start + _round_up(end - start) <= offsets[-1]:
            cuts = [start, start + _round_up(end - start)]
        elif rounded:
            cuts = [start, end - (end - start) % ROUND, end]
        for first, last in pairwise(cuts):
            if last > first:
                slices.append(k)
                starts.append(first)
                lengths.append(last - first)
    return slices, Ranges(starts, lengths, end_to_end=not rounded)


@lru_cache(maxsize=4)
def sum_ranges(offsets: tuple[int, ...], rounded: bool) -> tuple[list[int], Ranges, Ranges]:
    """The slice of each sum over rows, and the rows that it takes on the left and on the right.

    Rows of round length begin before or end behind their slice: ``padding`` puts zeros there. What
    is not finite in a neighbour's rows comes through all the same; such a step is left out whole.
    """
    slices, starts, lengths = [], [], []
    for k, (start, end) in enumerate(pairwise(offsets)):
        if end > start:
            length = min(_round_up(end - start), offsets[-1]) if rounded else end - start
            slices.append(k)
            starts.append(min(start, offsets[-1] - length))
            lengths.append(length)
    places = list(accumulate(lengths, initial=0))[:-1]
    right = Ranges(starts, lengths, end_to_end=not rounded)
    return slices, Ranges(places, lengths, end_to_end=True), right


@lru_cache(maxsize=4)
def padding(offsets: tuple[int, ...]) -> Tensor:
    """Which row stands where on the left of the sums; a row behind the last one is zero."""
    total = offsets[-1]
    parts = []
    slices, _, ranges = sum_ranges(offsets, True)
    for k, first, length in zip(slices, ranges.starts, ranges.lengths, strict=True):
        index = torch.arange(first, first + length)
        own = (index >= offsets[k]) & (index < offsets[k + 1])
        parts.append(torch.where(own, index, total))
    return torch.cat(parts)


def _round_up(length: int) -> int:
    return -(-length // ROUND) * ROUND
