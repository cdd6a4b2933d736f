"""Prefixes that a task's examples share.

A task's prompts begin alike: an instruction, a system prompt, a few examples. What a decoder makes
of these tokens depends on nothing that follows, so a row needs them once, and each example attends
to them as if they stood before it. Gradients of all examples meet in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from tasktune.batching.item import Item, Pooling

WORTH = 0.1
"""The part of a task's tokens from which sharing is worth its masks."""


def shared_prefixes(ordered: Sequence[Item], pooling: Pooling) -> dict[int, int]:
    """The length of the prefix that each task's examples share, where it saves enough.

    :param ordered: sorted by task.
    """
    found = {}
    for task, group in groupby(ordered, key=lambda item: item.task):
        examples = list(group)
        length = common_prefix(examples, pooling)
        saved = length * (len(examples) - 1)
        if saved > WORTH * sum(len(item.input_ids) for item in examples):
            found[task] = length
    return found


def common_prefix(examples: Sequence[Item], pooling: Pooling) -> int:
    """How many tokens all examples begin with, before anything is read off."""
    first = examples[0].input_ids
    length = min(begins_to_be_read(item, pooling) for item in examples)
    for item in examples[1:]:
        differs = np.flatnonzero(item.input_ids[:length] != first[:length])
        length = int(differs[0]) if len(differs) else length
    return length


def begins_to_be_read(item: Item, pooling: Pooling) -> int:
    """The first token of an example at which a head or the output layer reads."""
    read = (*item.target_positions[:1], *item.pooled_positions(pooling)[:1])
    return min(read, default=len(item.input_ids) - 1)
