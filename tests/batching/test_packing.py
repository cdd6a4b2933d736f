"""What every batch must hold, packed or padded, whatever the examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktune.batching.attention_plan import group_by_length, plan_attention
from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.batching.packing import pack
from tasktune.batching.padding import pad


@st.composite
def item_lists(draw: st.DrawFn) -> list[Item]:
    items = []
    for number in range(draw(st.integers(1, 12))):
        length = draw(st.integers(1, 20))
        ids = np.arange(length, dtype=np.int32) + 100 * number
        label = draw(st.sampled_from([None, 1.0]))
        prompt = draw(st.integers(0, length))
        items.append(Item(draw(st.integers(0, 4)), ids, prompt, label))
    return items


def both(items: list[Item]) -> list[Batch]:
    return [pack(items), pad(items, pad_id=-1)]


@settings(max_examples=60, deadline=None)
@given(item_lists())
def test_every_token_once_and_tasks_sorted(items: list[Item]) -> None:
    for batch in both(items):
        flat = batch.input_ids.flatten().tolist()
        real = sorted(token for token in flat if token >= 0)
        assert real == sorted(token for item in items for token in item.input_ids.tolist())
        assert list(batch.tasks) == sorted({item.task for item in items})
        assert list(batch.task_offsets) == sorted(batch.task_offsets)
        units = batch.input_ids.shape[0] if batch.attention_mask is not None else len(flat)
        assert (batch.task_offsets[0], batch.task_offsets[-1]) == (0, units)


@settings(max_examples=60, deadline=None)
@given(item_lists())
def test_each_target_is_the_token_after_its_position(items: list[Item]) -> None:
    for batch in both(items):
        flat = batch.input_ids.flatten()
        assert (flat[batch.target_index + 1] == batch.target_ids).all()
        for position, task in enumerate(batch.tasks):
            own = [item for item in items if item.task == task]
            start, end = batch.target_offsets[position : position + 2]
            expected = [
                t
                for i in own
                if i.label is None
                for t in i.input_ids[max(i.prompt_length, 1) :].tolist()
            ]
            assert sorted(batch.target_ids[start:end].tolist()) == sorted(expected)
            start, end = batch.pool_offsets[position : position + 2]
            lasts = sorted(int(i.input_ids[-1]) for i in own if i.label is not None)
            assert sorted(flat[batch.pool_index[start:end]].tolist()) == lasts


@settings(max_examples=60, deadline=None)
@given(item_lists())
def test_positions_restart(items: list[Item]) -> None:
    batch = pack(items)
    offsets = batch.sequence_offsets
    for start, end in zip(offsets, offsets[1:], strict=False):
        assert batch.position_ids[0, start:end].tolist() == list(range(end - start))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_attention_plan_reads_every_token_back(lengths: list[int]) -> None:
    plan = plan_attention(lengths)
    assert plan.index[plan.inverse].tolist() == list(range(sum(lengths)))
    assert sum(count * length for count, length in plan.shapes) == len(plan.index)
    assert plan.longest == max(lengths)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_groups_waste_little(lengths: list[int]) -> None:
    for group in group_by_length(lengths):
        real = sum(lengths[sequence] for sequence in group)
        longest = max(lengths[sequence] for sequence in group)
        shortest = min(lengths[sequence] for sequence in group)
        assert longest * len(group) <= real * 1.15 or longest - shortest <= 8


def test_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pack([])
