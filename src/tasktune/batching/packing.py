"""Packs examples of several tasks into one row, sorted by task, without padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasktune.batching.attention_plan import plan_attention
from tasktune.batching.batch import AttentionPlan, Batch
from tasktune.batching.item import Item, Pooling
from tasktune.batching.prefixes import shared_prefixes


def pack(items: Sequence[Item], pooling: Pooling = "last", *, share: bool = False) -> Batch:
    """One row of all ``items``, sorted by task and within a task by length.

    :param share: whether a prefix that a task's examples have in common stands in the row once.
    :raises ValueError: if there are none.
    """
    ordered = sort_items(items)
    prefixes = shared_prefixes(ordered, pooling) if share else {}
    return pack_ordered(ordered, pooling, prefixes=prefixes)


def pack_ordered(
    ordered: Sequence[Item],
    pooling: Pooling,
    first_position: int = 0,
    prefixes: Mapping[int, int] | None = None,
) -> Batch:
    """As ``pack``, of items that are in the batch's order already.

    :param first_position: what the model calls the position of an example's first token.
    :param prefixes: the length of each task's shared prefix, where it has one.
    """
    row = _Row(first_position)
    places: list[NDArray[np.int64]] = []
    task_starts: list[int] = []
    for task, examples in groupby(ordered, key=lambda item: item.task):
        task_starts.append(row.length)
        prefix, context = np.empty(0, dtype=np.int64), None
        for item in examples:
            length = (prefixes or {}).get(task, 0)
            if length and context is None:
                context = len(row.sequences)
                prefix = row.add(item.input_ids[:length])
            rest = row.add(item.input_ids[length:], length, context)
            places.append(np.concatenate([prefix, rest]))
    return make_batch(
        ordered,
        places,
        pooling,
        input_ids=np.concatenate([sequence.input_ids for sequence in row.sequences])[None],
        position_ids=np.concatenate([sequence.positions for sequence in row.sequences])[None],
        attention_mask=None,
        sequence_offsets=tuple(row.starts),
        task_offsets=(*task_starts, row.length),
        attention_plan=plan_attention(
            [len(sequence.input_ids) for sequence in row.sequences],
            [sequence.context for sequence in row.sequences],
        ),
    )


@dataclass(frozen=True)
class _Sequence:
    """A part of a packed row: an example, a prefix, or what of an example comes after it."""

    input_ids: NDArray[np.int32]
    positions: NDArray[np.int64]
    context: int | None


class _Row:
    """A packed row as it grows."""

    def __init__(self, first_position: int) -> None:
        self.first_position = first_position
        self.sequences: list[_Sequence] = []
        self.starts = [0]

    @property
    def length(self) -> int:
        return self.starts[-1]

    def add(
        self, input_ids: NDArray[np.int32], begin: int = 0, context: int | None = None
    ) -> NDArray[np.int64]:
        """Appends a sequence; returns the flat positions of its tokens.

        :param begin: the tokens of its example before it.
        :param context: the sequence that holds them.
        """
        steps = np.arange(len(input_ids))
        positions = steps + begin + self.first_position
        self.sequences.append(_Sequence(input_ids, positions, context))
        places = steps + self.length
        self.starts.append(self.length + len(input_ids))
        return places


def sort_items(items: Sequence[Item]) -> list[Item]:
    """Items by task, then by length; equal ones stay in order."""
    if not items:
        raise ValueError("a batch needs at least one example")
    return sorted(items, key=lambda item: (item.task, len(item.input_ids)))


def make_batch(
    ordered: Sequence[Item],
    places: Sequence[NDArray[np.int64]],
    pooling: Pooling,
    *,
    input_ids: NDArray[np.int32] | NDArray[np.int64],
    position_ids: NDArray[np.int64],
    attention_mask: NDArray[np.int64] | None,
    sequence_offsets: tuple[int, ...],
    attention_plan: AttentionPlan | None,
    task_offsets: tuple[int, ...] | None = None,
) -> Batch:
    """The parts that packed and padded batches have in common.

    :param ordered: sorted by task.
    :param places: the flat position of each token of each item.
    :param task_offsets: where each task begins; where absent a row is an item.
    """
    tasks = sorted({item.task for item in ordered})
    first_item = [next(i for i, item in enumerate(ordered) if item.task == task) for task in tasks]
    bounds = [*first_item, len(ordered)]
    targets = [at[item.target_positions] for item, at in zip(ordered, places, strict=True)]
    target_ids = [item.input_ids[p + 1] for item in ordered for p in item.target_positions]
    pooled = [at[item.pooled_positions(pooling)] for item, at in zip(ordered, places, strict=True)]
    return Batch(
        tasks=tuple(tasks),
        input_ids=torch.from_numpy(np.ascontiguousarray(input_ids)).long(),
        position_ids=torch.from_numpy(position_ids),
        attention_mask=None if attention_mask is None else torch.from_numpy(attention_mask),
        sequence_offsets=sequence_offsets,
        task_offsets=task_offsets or tuple(bounds),
        target_index=torch.from_numpy(np.concatenate(targets)),
        target_ids=_index(target_ids),
        target_offsets=_offsets(bounds, [len(positions) for positions in targets]),
        pool_index=torch.from_numpy(np.concatenate(pooled)),
        pool_counts=_index([len(positions) for positions in pooled if len(positions)]),
        pool_labels=torch.tensor([item.label for item in ordered if item.label is not None]),
        pool_in_target=torch.tensor(
            [item.in_target for item in ordered if item.label is not None], dtype=torch.bool
        ),
        pool_offsets=_offsets(bounds, [len(positions) > 0 for positions in pooled]),
        attention_plan=attention_plan,
        items=tuple(ordered),
    )


def _index(values: Sequence[int]) -> Tensor:
    return torch.tensor(np.asarray(values, dtype=np.int64))


def _offsets(bounds: Sequence[int], counts: Sequence[int]) -> tuple[int, ...]:
    """``[K + 1]`` offsets of each task, from what each of its items counts."""
    totals = [0, *accumulate(counts)]
    return tuple(totals[bound] for bound in bounds)
