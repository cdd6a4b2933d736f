"""One backward pass gives every task's gradient: equal to a backward pass for each."""

from __future__ import annotations

import contextlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.gradients import TaskGradients
from tasktune.objective.losses import loss_sums
from tests.models import random_items, tiny_model

SHARING = ("shared", "shared_private", "hydra", "mtl_lora", "moe")
NAMES = tuple("abcdefgh")


def one_pass(
    model: TaskModel, pieces: list[list[Item]], present: list[int], bf16: bool = False
) -> Tensor:
    """``[S, P]`` by views."""
    model.zero_grad(set_to_none=True)
    torch.manual_seed(5)
    shared = model.shared_parameters()
    with TaskGradients(model.routing, shared, present) as gradients:
        for piece in pieces:
            batch = model.collate(piece)
            with autocast(bf16):
                sums = loss_sums(model(batch), batch)
            sums.sum().backward()
    jacobian = gradients.jacobian()
    products = (jacobian @ jacobian.T).double().cpu()
    rounding = 1e-9 if jacobian.device.type == "cpu" else 1e-6 * float(products.diagonal().max())
    torch.testing.assert_close(gradients.gramian(), products, rtol=1e-4, atol=rounding)
    return jacobian


def a_pass_each(
    model: TaskModel, pieces: list[list[Item]], present: list[int], bf16: bool = False
) -> Tensor:
    """``[S, P]`` by one backward pass a task."""
    rows = []
    shared = model.shared_parameters()
    for task in present:
        model.zero_grad(set_to_none=True)
        torch.manual_seed(5)
        for piece in pieces:
            batch = model.collate(piece)
            with autocast(bf16):
                sums = loss_sums(model(batch), batch)
            mask = [float(k == task) for k in batch.tasks]
            (sums * torch.tensor(mask).to(sums)).sum().backward()
        rows.append(torch.cat([p.grad.flatten() for p in shared if p.grad is not None]))
    return torch.stack(rows)


def autocast(bf16: bool) -> contextlib.AbstractContextManager[object]:
    return torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()


def compare(
    model: TaskModel, pieces: list[list[Item]], tolerance: float = 1e-10, bf16: bool = False
) -> None:
    present = sorted({item.task for piece in pieces for item in piece})
    ours, theirs = (take(model, pieces, present, bf16) for take in (one_pass, a_pass_each))
    assert ours.shape == theirs.shape
    for row, reference in zip(ours, theirs, strict=True):
        assert reference.norm() > 0
        assert (row - reference).norm() <= tolerance * reference.norm()


@settings(max_examples=20, deadline=None)
@given(
    layout=st.sampled_from(SHARING),
    tasks=st.integers(2, 8),
    rank=st.sampled_from([4, 8]),
    count=st.integers(2, 20),
    cut=st.integers(1, 19),
    packed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_equal_to_a_pass_each(
    layout: str, tasks: int, rank: int, count: int, cut: int, packed: bool, seed: int
) -> None:
    """Layouts, ranks, heads, tasks absent from micro-batches or the step, packed and padded."""
    model = tiny_model(layout, NAMES[:tasks], rank=rank, packed=packed)
    items = random_items(count, tasks, head=1, seed=seed)
    compare(model, [piece for piece in (items[:cut], items[cut:]) if piece])


@pytest.mark.parametrize("layout", SHARING)
def test_single_precision(layout: str) -> None:
    model = tiny_model(layout, NAMES[:4], dtype=torch.float32)
    compare(model, [random_items(16, 4, head=1)], tolerance=1e-5)


@pytest.mark.parametrize("layout", SHARING)
def test_with_dropout(layout: str) -> None:
    model = tiny_model(layout, NAMES[:3], dropout=0.3).train()
    compare(model, [random_items(9, 3)])


@pytest.mark.parametrize("layout", SHARING)
def test_with_gradient_checkpointing(layout: str) -> None:
    model = tiny_model(layout, NAMES[:3]).train()
    pieces = [random_items(9, 3), random_items(4, 2, seed=1)]
    plain = one_pass(model, pieces, [0, 1, 2])
    model.transformer.activation_checkpointing_enable({"use_reentrant": False})
    model.transformer.enable_input_require_grads()
    compare(model, pieces)
    torch.testing.assert_close(one_pass(model, pieces, [0, 1, 2]), plain)


@pytest.mark.parametrize("layout", SHARING)
def test_under_bfloat16_autocast(layout: str) -> None:
    """Slices of a product in half precision round differently, and by no more than that."""
    model = tiny_model(layout, NAMES[:3], dtype=torch.float32)
    compare(model, [random_items(12, 3)], tolerance=0.03, bf16=True)


def test_tied_adapters_are_one_parameter() -> None:
    model = tiny_model("shared", NAMES[:3])
    first, second = list(model.adapters())[:2]
    assert first.shared["down"].shape == second.shared["down"].shape
    second.shared["down"] = first.shared["down"]
    gradients = TaskGradients(model.routing, model.shared_parameters(), [0])
    assert len(gradients.parameters) == len(model.shared_parameters()) - 1
    items = random_items(9, 3)
    with TaskGradients(model.routing, model.shared_parameters(), [0, 1, 2]) as gradients:
        batch = model.collate(items)
        loss_sums(model(batch), batch).sum().backward()
    total = torch.cat([g.sum(0).flatten() for g in gradients.stacked()])
    model.zero_grad(set_to_none=True)
    loss_sums(model(batch), batch).sum().backward()
    plain = torch.cat([p.grad.flatten() for p in gradients.parameters if p.grad is not None])
    assert (total - plain).norm() <= 1e-10 * plain.norm()


def test_views_leave_no_trace() -> None:
    model = tiny_model("shared_private", NAMES[:3])
    items = random_items(9, 3)
    batch = model.collate(items)
    before = model(batch).logits
    one_pass(model, [items], [0, 1, 2])
    assert model.routing.views == {}
    torch.testing.assert_close(model(batch).logits, before)
