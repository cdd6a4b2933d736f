"""The look ahead against a step that is really taken."""

from __future__ import annotations

import contextlib
import copy

import pytest
import torch

from tasktune.objective.lookahead import lookahead
from tasktune.objective.losses import loss_counts, loss_sums
from tasktune.objective.update import Step
from tests.models import random_items, tiny_model

TASKS = ("a", "b", "c")
RATE = 0.05


@pytest.mark.parametrize("layout", ["shared", "shared_private"])
@pytest.mark.parametrize("pieces", [1, 2])
def test_it_is_what_a_step_for_one_task_alone_does(layout: str, pieces: int) -> None:
    model = tiny_model(layout, TASKS, dropout=0.3)
    model.train()
    items = random_items(12, 3, head=1)
    size = len(items) // pieces
    batches = [model.collate(items[n : n + size]) for n in range(0, len(items), size)]
    step = Step(0, batches, loss_counts(items, 3), autocast=contextlib.nullcontext)
    state = {name: value.clone() for name, value in model.trainable_state().items()}
    random = torch.get_rng_state()

    found = lookahead(model, step, RATE)

    assert model.training and torch.equal(torch.get_rng_state(), random)
    for name, value in model.trainable_state().items():
        assert torch.equal(value, state[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())
    before = mean_losses(model, items)
    for task in range(3):
        moved = copy.deepcopy(model).eval()
        own = [item for item in items if item.task == task]
        batch = moved.collate(own)
        loss = loss_sums(moved(batch), batch).sum() / loss_counts(own, 3).sum()
        loss.backward()
        length = torch.cat([p.grad.flatten() for p in moved.shared_parameters()]).norm()
        torch.optim.SGD(moved.shared_parameters(), lr=RATE / float(length)).step()
        expected = 1 - mean_losses(moved, items) / before
        torch.testing.assert_close(found[task], expected, rtol=1e-7, atol=1e-10)
    assert (found.diagonal() > 0).all()


@torch.no_grad()
def mean_losses(model: torch.nn.Module, items: list) -> torch.Tensor:  # type: ignore[type-arg]
    """Each task's mean loss, read by itself."""
    model = copy.deepcopy(model).eval()
    means = []
    for task in range(3):
        own = [item for item in items if item.task == task]
        batch = model.collate(own)
        means.append(float(loss_sums(model(batch), batch).sum() / loss_counts(own, 3).sum()))
    return torch.tensor(means, dtype=torch.float64)
