"""Penalties on weights: against the dense matrices that they are about."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tasktune.model.layouts import layouts
from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties import penalties
from tests.models import tiny_model
from tests.objective.penalties.facts import facts

NAMES = ("a", "b", "c")
LAYOUTS = layouts.names()


def build(name: str, examples: int = 20) -> Any:
    return penalties.build(name, {}, "penalties.1", {"facts": facts(examples=examples)})


def dense(model: TaskModel, task: int) -> list[Tensor]:
    """``dW`` of each adapted layer."""
    pairs = [adapters.task_factors(task) for adapters in model.adapters()]
    return [pair.scale * pair.up[0] @ pair.down[0] for pair in pairs]


def head_norm(model: TaskModel, task: int) -> Tensor:
    if task not in model.heads:
        return torch.zeros(())
    weight: Any = model.heads.layers[str(task)].weight
    return weight.square().sum()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("task", [0, 1])
def test_l2_sp_is_the_distance_from_the_base(layout: str, task: int) -> None:
    model = tiny_model(layout, NAMES)
    expected = sum(update.square().sum() for update in dense(model, task)) + head_norm(model, task)
    value = build("l2_sp").value(model, task)
    torch.testing.assert_close(value, expected / 2, rtol=1e-5, atol=1e-5, check_dtype=False)


@pytest.mark.parametrize("task", [0, 1])
def test_l2_is_the_squared_parameters(task: int) -> None:
    model = tiny_model("per_task", NAMES)
    parameters = [p[task].square().sum() for p in model.private_parameters()]
    expected = (sum(parameters) + head_norm(model, task)) / 2
    torch.testing.assert_close(build("l2").value(model, task), expected, check_dtype=False)


@pytest.mark.parametrize(("layout", "name"), [("shared_private", "own_down"), ("per_task", "down")])
def test_orthogonal_is_o_loras_equation_8(layout: str, name: str) -> None:
    model = tiny_model(layout, NAMES)
    expected = torch.zeros(())
    for adapters in model.adapters():
        downs = adapters.private[name]
        for other in (0, 2):
            for row in downs[other]:
                for own in downs[1]:
                    expected = expected + (row @ own) ** 2
    value = build("orthogonal").value(model, 1)
    torch.testing.assert_close(value, expected, check_dtype=False)
    value.backward()
    for adapters in model.adapters():  # the others don't move
        gradient = adapters.private[name].grad
        assert gradient is not None
        assert gradient[1].abs().sum() > 0 and gradient[[0, 2]].abs().sum() == 0


def test_descending_makes_adapters_orthogonal() -> None:
    model = tiny_model("per_task", NAMES)
    penalty = build("orthogonal")
    optimizer = torch.optim.Adam(model.private_parameters(), lr=0.02)
    before = float(penalty.value(model, 1))
    for _ in range(50):
        optimizer.zero_grad()
        penalty.value(model, 1).backward()
        optimizer.step()
    assert float(penalty.value(model, 1)) < before / 100


def test_borrow_draws_the_private_part_of_shared_private_to_nothing() -> None:
    model = tiny_model("shared_private", NAMES)
    expected = torch.zeros(())
    for adapters in model.adapters():
        down, up = adapters.private["own_down"][1], adapters.private["own_up"][1]
        expected = expected + (adapters.layout.scaling * up @ down).square().sum()
    value = build("borrow").value(model, 1)
    torch.testing.assert_close(value, expected / 40, check_dtype=False)
    value.backward()
    assert all(p.grad is None for p in model.shared_parameters())


@pytest.mark.parametrize("layout", ["per_task", "hydra", "mtl_lora", "moe"])
def test_borrow_draws_a_task_to_the_mean_of_all_elsewhere(layout: str) -> None:
    model = tiny_model(layout, NAMES)
    updates = [dense(model, task) for task in range(3)]
    means = [torch.stack(layer).mean(dim=0) for layer in zip(*updates, strict=True)]
    expected = sum((own - mean).square().sum() for own, mean in zip(updates[1], means, strict=True))
    assert isinstance(expected, Tensor)
    value = build("borrow").value(model, 1)
    torch.testing.assert_close(value, expected / 40, rtol=1e-4, atol=1e-5, check_dtype=False)


def test_a_smaller_task_borrows_more() -> None:
    model = tiny_model("shared_private", NAMES)
    many, few = (float(build("borrow", examples).value(model, 1)) for examples in (500, 50))
    assert few == pytest.approx(10 * many)
