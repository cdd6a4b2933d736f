"""Pads examples into rows of one length, sorted by task: for models that can't take packed rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasktune.batching.batch import Batch
from tasktune.batching.item import Item, Pooling
from tasktune.batching.packing import make_batch, sort_items


def pad(items: Sequence[Item], pad_id: int, pooling: Pooling = "last") -> Batch:
    """A row an example, padded on the right; flat positions count the padding.

    :raises ValueError: if there are no items.
    """
    return pad_ordered(sort_items(items), pad_id, pooling)


def pad_ordered(ordered: Sequence[Item], pad_id: int, pooling: Pooling = "last") -> Batch:
    """As ``pad``, of items that are in the batch's order already."""
    input_ids, mask = pad_rows([item.input_ids for item in ordered], pad_id)
    width = input_ids.shape[1]
    return make_batch(
        ordered,
        [row * width + np.arange(len(item.input_ids)) for row, item in enumerate(ordered)],
        pooling,
        input_ids=input_ids,
        position_ids=np.tile(np.arange(width), (len(ordered), 1)),
        attention_mask=mask,
        sequence_offsets=tuple(range(len(ordered) + 1)),
        attention_plan=None,
    )


def pad_rows(
    rows: Sequence[NDArray[np.int32]], pad_id: int, *, left: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows filled up to the longest, ``[R, L]``, and which tokens are real, ``[R, L]``.

    :param left: whether the padding goes before a row instead of after it.
    """
    width = max(len(row) for row in rows)
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for number, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(len(row))
        ids[number, place] = row
        mask[number, place] = 1
    return ids, mask
