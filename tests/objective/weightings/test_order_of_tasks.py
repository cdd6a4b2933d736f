"""Tasks in another order: the same weights in that order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from tasktune.objective.weightings import weightings
from tests.objective.weightings.steps import DRAWS, build, random, step, update

INDIFFERENT = sorted(set(weightings.names()) - {*DRAWS, "fixed", "pcd"})  # these name a task


@pytest.mark.parametrize("name", INDIFFERENT)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    order=some.permutations(range(4)),
    spread=some.floats(0, 1.5),
    seed=some.integers(0, 1000),
)
def test_order(name: str, order: list[int], spread: float, seed: int) -> None:
    gradients = random(4, 12, seed=seed) * torch.exp(spread * random(4, 1, seed=seed + 1))
    losses = torch.exp(spread * random(4, seed=seed + 2)).tolist()
    plain, moved = build(name, 4), build(name, 4)
    first = update(plain, step(gradients, 0, losses))
    second = update(moved, step(gradients[order], 0, [losses[k] for k in order]))
    tolerance = 2e-2 if name in ("mgda", "crmogm") else 1e-4  # Frank-Wolfe stops early
    assert float((first - second).norm()) <= tolerance * float(first.norm())
