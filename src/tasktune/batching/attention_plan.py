"""How attention walks a packed row: its sequences in groups of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray

from tasktune.batching.batch import AttentionPlan

WASTE = 0.15
"""Repeated positions that a group may hold, as a part of its real ones."""
NEARLY = 8
"""A sequence that is fewer tokens shorter than a group's longest belongs to it all the same."""


def plan_attention(
    lengths: Sequence[int], contexts: Sequence[int | None] | None = None
) -> AttentionPlan:
    """Groups the sequences of a row by similar length, the longest first.

    Attention then runs once a group instead of once a sequence, and never on a ``T x T`` mask.

    :param contexts: the sequence that each sequence goes on from, if any; the first of a group is
        all of its sequences'.
    """
    starts = np.array([0, *accumulate(lengths)])
    inverse = np.empty(starts[-1], dtype=np.int64)
    indices: list[NDArray[np.int64]] = []
    real: list[NDArray[np.bool_]] = []
    shapes: list[tuple[int, int]] = []
    before: list[NDArray[np.int64]] = []
    base = 0
    for group, context in group_by_context(lengths, contexts or [None] * len(lengths)):
        longest = lengths[group[0]]
        steps = np.arange(longest)
        sizes = np.array([lengths[sequence] for sequence in group])[:, None]
        indices.append((starts[group][:, None] + np.minimum(steps, sizes - 1)).ravel())
        real.append((steps < sizes).ravel())
        for row, sequence in enumerate(group):
            first = base + row * longest
            inverse[starts[sequence] : starts[sequence + 1]] = np.arange(
                first, first + lengths[sequence]
            )
        shapes.append((len(group), longest))
        bounds = (0, 0) if context is None else (starts[context], starts[context + 1])
        before.append(np.arange(*bounds))
        base += len(group) * longest
    return AttentionPlan(
        shapes=tuple(shapes),
        contexts=tuple(len(places) for places in before),
        context_index=torch.from_numpy(np.concatenate(before)),
        index=torch.from_numpy(np.concatenate(indices)),
        real=torch.from_numpy(np.concatenate(real)),
        inverse=torch.from_numpy(inverse),
        offsets=torch.from_numpy(starts.astype(np.int32)),
        longest=max(
            length + (0 if context is None else lengths[context])
            for length, context in zip(lengths, contexts or [None] * len(lengths), strict=True)
        ),
    )


def group_by_context(
    lengths: Sequence[int], contexts: Sequence[int | None]
) -> Iterator[tuple[list[int], int | None]]:
    """``group_by_length`` of the sequences of each context, and the context."""
    for context in dict.fromkeys(contexts):
        members = [number for number, own in enumerate(contexts) if own == context]
        for group in group_by_length([lengths[number] for number in members]):
            yield [members[number] for number in group], context


def group_by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Sequences in groups, each from its longest down.

    A group takes the next shorter sequence while its repeated positions stay under 15 % of the real
    ones, or while the sequence is only a few tokens shorter.
    """
    groups: list[list[int]] = []
    real = 0
    for sequence in sorted(range(len(lengths)), key=lambda sequence: -lengths[sequence]):
        length = lengths[sequence]
        if groups:
            longest = lengths[groups[-1][0]]
            laid_out = longest * (len(groups[-1]) + 1)
            if longest - length <= NEARLY or laid_out <= (real + length) * (1 + WASTE):
                groups[-1].append(sequence)
                real += length
                continue
        groups.append([sequence])
        real = length
    return groups
