"""A shared prefix stands in a row once, and every example is still there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktune.batching.item import Item
from tasktune.batching.packing import pack
from tasktune.batching.prefixes import shared_prefixes
from tasktune.objective.losses import loss_sums
from tests.models import tiny_model

LAYOUTS = ("shared", "per_task", "shared_private", "hydra", "mtl_lora", "moe")


@st.composite
def items_of_few_words(draw: st.DrawFn) -> list[Item]:
    """Examples over two tokens, so that many begin alike."""
    items = []
    for _ in range(draw(st.integers(1, 10))):
        ids = draw(st.lists(st.integers(0, 1), min_size=1, max_size=12))
        prompt = draw(st.integers(0, len(ids)))
        label = draw(st.sampled_from([None, 1.0]))
        items.append(Item(draw(st.integers(0, 2)), np.array(ids, dtype=np.int32), prompt, label))
    return items


@settings(max_examples=200, deadline=None)
@given(items_of_few_words())
def test_every_example_can_be_read_back(items: list[Item]) -> None:
    batch = pack(items, share=True)
    prefixes = shared_prefixes(batch.items, "last")
    flat, positions = batch.input_ids[0], batch.position_ids[0]
    sequences = list(zip(batch.sequence_offsets, batch.sequence_offsets[1:], strict=False))
    task, begin = -1, flat[:0]
    for item in batch.items:
        length = prefixes.get(item.task, 0)
        if item.task != task and length:
            start, end = sequences.pop(0)
            assert positions[start:end].tolist() == list(range(length))
            begin = flat[start:end]
        task = item.task
        start, end = sequences.pop(0)
        own = torch.cat([begin, flat[start:end]]) if length else flat[start:end]
        assert own.tolist() == item.input_ids.tolist()
        assert positions[start:end].tolist() == list(range(length, len(item.input_ids)))
    assert not sequences
    plain = pack(items)
    assert torch.equal(flat[batch.target_index], plain.input_ids[0][plain.target_index])
    assert torch.equal(batch.target_ids, plain.target_ids)
    assert (flat[batch.target_index + 1] == batch.target_ids).all()
    assert torch.equal(flat[batch.pool_index], plain.input_ids[0][plain.pool_index])
    assert batch.target_offsets == plain.target_offsets
    assert batch.pool_offsets == plain.pool_offsets


def alike(prefix: int = 8) -> list[Item]:
    generator = np.random.default_rng(0)
    begins = generator.integers(3, 60, (3, prefix))
    items = []
    for number, length in enumerate((4, 9, 6, 12, 3, 5, 7)):
        ids = np.concatenate([begins[number % 3], generator.integers(3, 60, length)])
        items.append(Item(number % 3, ids.astype(np.int32), len(ids) - 2))
    return items


@pytest.mark.parametrize("layout", LAYOUTS)
def test_losses_and_gradients_of_every_layout_stay(layout: str) -> None:
    model = tiny_model(layout, ("a", "b", "c")).train()
    found = []
    for share in (True, False):
        model.shares_prefixes = share
        batch = model.collate(alike())
        model.zero_grad()
        losses = loss_sums(model(batch), batch)
        losses.sum().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        found.append((batch.input_ids.numel(), [losses.detach(), *gradients]))
    (fewer, ours), (more, theirs) = found
    assert fewer < more
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max()  # rotations are single


@pytest.mark.parametrize(
    "options", [{}, {"dropout": 0.1}, {"kind": "bert"}, {"packed": False}], ids=str
)
def test_only_where_it_changes_nothing(options: dict[str, Any]) -> None:
    """Dropout and noise fall on each example alone, and an encoder's prefix looks ahead."""
    model = tiny_model("shared", ("a", "b", "c"), **options)
    items = alike()
    tokens = sum(len(item.input_ids) for item in items)
    assert (model.collate(items).input_ids.numel() < tokens) == (not options)
    model.embedding_noise[1] = 5.0
    assert model.collate(items).input_ids.numel() >= tokens


def test_a_prefix_that_saves_little_is_left_where_it_is() -> None:
    assert shared_prefixes(sorted(alike(8), key=lambda item: item.task), "last") == {
        0: 8, 1: 8, 2: 8
    }  # fmt: skip
    assert shared_prefixes(sorted(alike(1), key=lambda item: item.task), "last") == {}
