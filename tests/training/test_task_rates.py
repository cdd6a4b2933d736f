"""A task's own rate and decay: exactly those of an AdamW of its own."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tasktune.objective.losses import loss_sums
from tasktune.training.task_rates import TaskRates
from tests.models import random_items, tiny_model
from tests.workshop import Workshop

NAMES = ("a", "b", "c")


def test_each_task_steps_as_its_own_adamw_would() -> None:
    ours = tiny_model("per_task", NAMES)
    theirs = [tiny_model("per_task", NAMES) for _ in NAMES]
    for model in theirs:
        model.load_trainable_state({n: v.clone() for n, v in ours.trainable_state().items()})
    rates, decays = [0.01, 0.002, 0.03], [0.1, 0.1, 0.5]
    own = TaskRates(ours, 0.1, [1.0, 0.2, 3.0], decays, [1.0] * 3)
    common = torch.optim.AdamW([p for p in ours.parameters() if p.requires_grad], lr=0.01,
                               weight_decay=0.1)  # fmt: skip
    others = [
        torch.optim.AdamW([p for p in m.parameters() if p.requires_grad], lr=r, weight_decay=d)
        for m, r, d in zip(theirs, rates, decays, strict=True)
    ]
    for step in range(4):
        items = random_items(9, 3, head=1, seed=step)
        for model, take in [(ours, lambda: own.step(common, 0.01))] + [
            (m, o.step) for m, o in zip(theirs, others, strict=True)
        ]:
            model.zero_grad()
            batch = model.collate(items)
            loss_sums(model(batch), batch).sum().backward()
            take()
    for task, model in enumerate(theirs):
        for mine, expected in zip(
            ours.own_parameters(task), model.own_parameters(task), strict=True
        ):
            torch.testing.assert_close(mine, expected, rtol=1e-9, atol=1e-12)


def test_a_head_without_a_gradient_does_not_move() -> None:
    """AdamW takes no step of it, so there is no common decay to take back."""
    model = tiny_model("shared", NAMES)
    head = model.own_parameters(1)
    before = [p.clone() for p in head]
    rates = TaskRates(model, 0.1, [1.0] * 3, [0.1, 0.0, 0.1], [1.0] * 3)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], weight_decay=0.1
    )
    batch = model.collate([item for item in random_items(9, 3) if item.task != 1])
    loss_sums(model(batch), batch).sum().backward()
    rates.step(optimizer, 1e-2)
    assert head and all(torch.equal(p, b) for p, b in zip(head, before, strict=True))


def test_a_frozen_task_does_not_move() -> None:
    model = tiny_model("shared_private", NAMES)
    before = [p.clone() for p in model.own_parameters(1)]
    other = model.own_parameters(0)[0].clone()
    rates = TaskRates(model, 0.1, [1.0] * 3, [0.1] * 3, [1.0, 0.0, 1.0])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    batch = model.collate(random_items(9, 3, head=1))
    loss_sums(model(batch), batch).sum().backward()
    rates.step(optimizer, 1e-3)
    assert all(torch.equal(p, b) for p, b in zip(model.own_parameters(1), before, strict=True))
    assert not torch.equal(model.own_parameters(0)[0], other)


def test_through_the_run_file(workshop: Workshop) -> None:
    workshop.task("colour")["learning_rate"] = 1e-3
    workshop.task("score")["weight_decay"] = 0.5
    workshop.train()
    workshop.task("colour")["learning_rate"] = 0
    assert "tasks.colour.learning_rate" in workshop.complaint()


@pytest.mark.parametrize("key", ["learning_rate", "weight_decay"])
def test_a_task_with_nothing_of_its_own(workshop: Workshop, key: str) -> None:
    workshop.task("colour")[key] = 1e-3
    says = workshop.complaint("adapter.layout=shared")
    assert f"tasks.colour.{key}: the task has no parameters of its own" in says


def test_shared_adapters_first_then_private_ones(workshop: Workshop) -> None:
    """Before that step the private ones are as they began, and the heads are not."""
    run = workshop.train("adapter.private_from=4", "training.keep_checkpoints=9")
    states = [load_file(run / "checkpoints" / f"step-{n}" / "model.safetensors") for n in (2, 4, 6)]
    for name in states[0]:
        held = torch.equal(states[0][name], states[1][name])
        assert held is ("private" in name), name
        assert not torch.equal(states[1][name], states[2][name]), name


def test_shared_first_needs_both(workshop: Workshop) -> None:
    says = workshop.complaint("adapter.private_from=4", "adapter.layout=per_task")
    assert "adapter.private_from: layout per_task has no shared adapter" in says
    assert "never train" in workshop.complaint("adapter.private_from=6")
