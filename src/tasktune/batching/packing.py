"""Packs examples of several tasks into one row, sorted by task, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasktune.batching.batch import AttentionPlan, Batch
from tasktune.batching.item import Item, Pooling

WASTE = 0.15
NEARLY = 8


def pack(items: Sequence[Item], pooling: Pooling = "last") -> Batch:
    """One row of all ``items``, sorted by task and within a task by length.

    :raises ValueError: if there are none.
    """
    return pack_ordered(sort_items(items), pooling)


def pack_ordered(ordered: Sequence[Item], pooling: Pooling, first_position: int = 0) -> Batch:
    """As ``pack``, of items that are in the batch's order already.

    :param first_position: what the model calls the position of an example's first token.
    """
    lengths = [len(item.input_ids) for item in ordered]
    starts = [0, *accumulate(lengths)]
    positions = np.concatenate([np.arange(length) for length in lengths]) + first_position
    return make_batch(
        ordered,
        starts,
        pooling,
        input_ids=np.concatenate([item.input_ids for item in ordered])[None],
        position_ids=positions[None],
        attention_mask=None,
        sequence_offsets=tuple(starts),
        attention_plan=plan_attention(lengths),
    )


def sort_items(items: Sequence[Item]) -> list[Item]:
    """Items by task, then by length; equal ones stay in order."""
    if not items:
        raise ValueError("a batch needs at least one example")
    return sorted(items, key=lambda item: (item.task, len(item.input_ids)))


def make_batch(
    ordered: Sequence[Item],
    starts: Sequence[int],
    pooling: Pooling,
    *,
    input_ids: NDArray[np.int32] | NDArray[np.int64],
    position_ids: NDArray[np.int64],
    attention_mask: NDArray[np.int64] | None,
    sequence_offsets: tuple[int, ...],
    attention_plan: AttentionPlan | None,
) -> Batch:
    """The parts that packed and padded batches have in common.

    :param ordered: sorted by task.
    :param starts: the flat position of each item's first token.
    """
    tasks = sorted({item.task for item in ordered})
    first_item = [next(i for i, item in enumerate(ordered) if item.task == task) for task in tasks]
    bounds = [*first_item, len(ordered)]
    targets = [
        [start + p for p in item.target_positions]
        for item, start in zip(ordered, starts, strict=False)
    ]
    target_ids = [item.input_ids[p + 1] for item in ordered for p in item.target_positions]
    pooled = [
        [start + p for p in pooled_positions(item, pooling)]
        for item, start in zip(ordered, starts, strict=False)
    ]
    return Batch(
        tasks=tuple(tasks),
        input_ids=torch.from_numpy(np.ascontiguousarray(input_ids)).long(),
        position_ids=torch.from_numpy(position_ids),
        attention_mask=None if attention_mask is None else torch.from_numpy(attention_mask),
        sequence_offsets=sequence_offsets,
        task_offsets=tuple(sequence_offsets[bound] for bound in bounds),
        target_index=_index([p for positions in targets for p in positions]),
        target_ids=_index(target_ids),
        target_offsets=_offsets(bounds, [len(positions) for positions in targets]),
        pool_index=_index([p for positions in pooled for p in positions]),
        pool_counts=_index([len(positions) for positions in pooled if positions]),
        pool_labels=torch.tensor([item.label for item in ordered if item.label is not None]),
        pool_in_target=torch.tensor(
            [item.in_target for item in ordered if item.label is not None], dtype=torch.bool
        ),
        pool_offsets=_offsets(bounds, [bool(positions) for positions in pooled]),
        attention_plan=attention_plan,
        items=tuple(ordered),
    )


def pooled_positions(item: Item, pooling: Pooling) -> range:
    """Which of an example's tokens its head pools; none if it has no head."""
    if item.label is None:
        return range(0)
    length = len(item.input_ids)
    return {"mean": range(length), "cls": range(1), "last": range(length - 1, length)}[pooling]


def _index(values: Sequence[int]) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.int64))


def _offsets(bounds: Sequence[int], counts: Sequence[int]) -> tuple[int, ...]:
    """``[K + 1]`` offsets of each task, from what each of its items counts."""
    totals = [0, *accumulate(counts)]
    return tuple(totals[bound] for bound in bounds)


def plan_attention(lengths: Sequence[int]) -> AttentionPlan:
    """Groups the sequences of a row by similar length, the longest first.

    Attention then runs once a group instead of once a sequence, and never on a ``T x T`` mask.
    """
    starts = np.array([0, *accumulate(lengths)])
    inverse = np.empty(starts[-1], dtype=np.int64)
    indices: list[NDArray[np.int64]] = []
    real: list[NDArray[np.bool_]] = []
    shapes: list[tuple[int, int]] = []
    base = 0
    for group in group_by_length(lengths):
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
        base += len(group) * longest
    return AttentionPlan(
        shapes=tuple(shapes),
        index=torch.from_numpy(np.concatenate(indices)),
        real=torch.from_numpy(np.concatenate(real)),
        inverse=torch.from_numpy(inverse),
        offsets=torch.from_numpy(starts.astype(np.int32)),
        longest=max(lengths),
    )


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
