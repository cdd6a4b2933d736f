"""Methods that draw: by (seed, step) alone, and unnoticed by the model."""

from __future__ import annotations

import pytest
import torch

from tasktune.errors import UserError
from tasktune.objective.weightings import weightings
from tests.objective.weightings.steps import DRAWS, build, random, step, update

MANY = random(12, 40) - 0.5 * random(12, 40).mean(dim=0)


@pytest.mark.parametrize("name", DRAWS)
def test_by_seed_and_step(name: str) -> None:
    def at(seed: int, number: int) -> torch.Tensor:
        return update(build(name, 12, seed=seed), step(MANY, number))

    assert torch.equal(at(1, 5), at(1, 5))
    assert not torch.equal(at(1, 5), at(1, 6))
    assert not torch.equal(at(1, 5), at(2, 5))


@pytest.mark.parametrize("name", DRAWS)
def test_the_models_dropout_does_not_notice(name: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    update(build(name, 12), step(MANY))
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("name", DRAWS)
def test_the_seed_is_the_runs_and_no_option(name: str) -> None:
    context = {"tasks": ("a", "b"), "seed": 0}
    with pytest.raises(UserError, match="unknown key 'seed' under weighting"):
        weightings.build(name, {"seed": 1}, "weighting", context)
