"""The update does not depend on how its batch is cut up; weights never cancel."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts, loss_sums
from tasktune.objective.update import Step, Update, backward
from tasktune.objective.weightings import weightings
from tests.models import random_items, tiny_model

LAYOUTS = ("shared", "per_task", "shared_private", "hydra", "mtl_lora", "moe")
NAMES = ("a", "b", "c", "d")


def update(
    model: TaskModel,
    pieces: list[list[Item]],
    method: str = "equal",
    watch: bool = False,
    **options: object,
) -> tuple[Tensor, Update]:
    """The gradient of a step whose batch is cut into ``pieces``."""
    model.zero_grad(set_to_none=True)
    items = [item for piece in pieces for item in piece]
    step = Step(
        number=0,
        batches=[model.collate(piece) for piece in pieces],
        counts=loss_counts(items, len(model.tasks)),
        autocast=contextlib.nullcontext,
        watch=watch,
    )
    weighting = weightings.build(method, options, "weighting", {"tasks": model.tasks})
    done = backward(model, step, weighting)
    grads = [
        torch.zeros_like(p) if p.grad is None else p.grad
        for p in model.parameters()
        if p.requires_grad
    ]
    return torch.cat([g.flatten() for g in grads]), done


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    assert (ours - theirs).norm() <= 1e-9 * theirs.norm()


def chunks(items: list[Item], size: int) -> list[list[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cuts_of_the_batch_give_the_same_update(layout: str) -> None:
    """1 x 32, 4 x 8 and 8 x 4 are one update."""
    model = tiny_model(layout, NAMES)
    items = random_items(32, len(NAMES), head=1)
    whole, _ = update(model, [items])
    for size in (8, 4):
        assert_close(update(model, chunks(items, size))[0], whole)


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(12)), cut=st.integers(1, 11))
def test_any_cut_in_any_order(order: list[int], cut: int) -> None:
    model = tiny_model("shared_private", NAMES)
    items = random_items(12, len(NAMES))
    shuffled = [items[index] for index in order]
    assert_close(update(model, [shuffled[:cut], shuffled[cut:]])[0], update(model, [items])[0])


@pytest.mark.parametrize(("method", "options"), [
    ("equal", {}), ("pooled", {}), ("fixed", {"weights": {"a": 5.0, "c": 0.1}}),
])  # fmt: skip
def test_weights_do_not_cancel_in_task_pure_micro_batches(
    method: str, options: dict[str, object]
) -> None:
    """A micro-batch of one task must not divide its weight away, as in MFTCoder."""
    model = tiny_model("shared", NAMES)
    items = random_items(16, len(NAMES))
    pure = [[item for item in items if item.task == task] for task in range(len(NAMES))]
    ours, done = update(model, pure, method, **options)
    assert_close(ours, update(model, chunks(items, 5), method, **options)[0])
    assert float(done.weights.sum()) == pytest.approx(1)


def test_the_division_is_by_the_whole_batchs_count() -> None:
    """The mean of micro-batches' means is not the mean: transformers#34191."""
    model = tiny_model("shared", ("a",))
    long, short = random_items(2, 1, lengths=(30, 31))[0], random_items(2, 1, lengths=(4, 5))[1]
    gradient, done = update(model, [[long], [short]])
    batch = model.collate([long, short])
    mean = loss_sums(model(batch), batch)[0] / (long.target_count + short.target_count)
    model.zero_grad()
    mean.backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert_close(gradient, expected)
    assert done.loss == pytest.approx(mean.item())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", ["equal", "fixed", "gls"])
def test_watching_the_conflict_changes_nothing(layout: str, method: str) -> None:
    """Taking per-task gradients for the log leaves the update as it is.

    To single precision: Llama's norms compute in it whatever the model's own, so weighing before or
    after the backward pass rounds differently unless the weights are powers of two.
    """
    model = tiny_model(layout, NAMES)
    items = random_items(16, len(NAMES), head=1)
    options = {"weights": {"a": 3.0}} if method == "fixed" else {}
    plain, _ = update(model, [items], method, **options)
    watched, done = update(model, chunks(items, 6), method, watch=True, **options)
    assert (watched - plain).norm() <= 1e-6 * plain.norm()
    assert (done.gramian is None) == (layout == "per_task")


def test_an_absent_task_takes_no_part() -> None:
    model = tiny_model("shared_private", NAMES)
    items = [item for item in random_items(12, len(NAMES)) if item.task != 2]
    _, done = update(model, [items])
    assert done.present == (0, 1, 3)
    assert done.weights.tolist() == pytest.approx([1 / 3] * 3)


def test_a_tasks_own_parameters_get_only_its_gradient() -> None:
    model = tiny_model("shared_private", NAMES)
    items = [item for item in random_items(12, len(NAMES)) if item.task == 2]
    update(model, [items])
    for parameter in model.private_parameters():
        assert parameter.grad is not None
        assert parameter.grad[2].abs().sum() > 0
        assert parameter.grad[[0, 1, 3]].abs().sum() == 0


def test_pooled_is_plain_fine_tuning_on_one_pile() -> None:
    model = tiny_model("shared", NAMES)
    items = random_items(10, len(NAMES))
    gradient, _ = update(model, [items], "pooled")
    batch = model.collate(items)
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(batch).logits, batch.target_ids).backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert_close(gradient[: len(expected)], expected)  # the head comes last and has no target


def test_padded_batches_give_the_same_update() -> None:
    items = random_items(12, len(NAMES), head=1)
    packed, _ = update(tiny_model("shared_private", NAMES), [items])
    padded, _ = update(tiny_model("shared_private", NAMES, packed=False), [items])
    assert_close(padded, packed)


def test_counts_are_of_targets() -> None:
    ids = np.arange(10, dtype=np.int32)
    items = [Item(0, ids, 4), Item(0, ids, 0), Item(1, ids, 10, label=1.0)]
    assert loss_counts(items, 3).tolist() == [6 + 9, 1, 0]
