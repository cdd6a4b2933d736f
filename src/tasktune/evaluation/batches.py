"""Cuts a task's examples into batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasktune.batching.item import Item


def by_length(items: Sequence[Item], batch_tokens: int) -> Iterator[list[int]]:
    """Indices of ``items`` in batches, the shortest first; a batch would fit even if padded."""
    order = sorted(range(len(items)), key=lambda index: len(items[index].input_ids))
    batch: list[int] = []
    for index in order:
        if batch and len(items[index].input_ids) * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
