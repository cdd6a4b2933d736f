"""Pads examples into rows of one length, sorted by task: for models that can't take packed rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasktune.batching.batch import Batch
from tasktune.batching.packing import Item, make_batch, sort_items


def pad(items: Sequence[Item], pad_id: int) -> Batch:
    """A row an example, padded on the right; flat positions count the padding.

    :raises ValueError: if there are no items.
    """
    ordered = sort_items(items)
    width = max(len(item.input_ids) for item in ordered)
    input_ids = np.full((len(ordered), width), pad_id, dtype=np.int32)
    mask = np.zeros((len(ordered), width), dtype=np.int64)
    for row, item in enumerate(ordered):
        input_ids[row, : len(item.input_ids)] = item.input_ids
        mask[row, : len(item.input_ids)] = 1
    return make_batch(
        ordered,
        [row * width for row in range(len(ordered))],
        input_ids=input_ids,
        position_ids=np.tile(np.arange(width), (len(ordered), 1)),
        attention_mask=mask,
        sequence_offsets=tuple(range(len(ordered) + 1)),
        attention_plan=None,
    )
