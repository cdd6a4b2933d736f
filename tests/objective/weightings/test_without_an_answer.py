"""A solver that fails costs one step its weights, not the run."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from tasktune.objective.weightings import StepTasks
from tasktune.objective.weightings.gramian import GramianWeighting, Method
from tests.objective.weightings.steps import GRAMIAN, JACOBIAN, build, random, step, update


class Broken(GramianWeighting):
    """Raises in even steps and answers with infinity in odd ones."""

    sums = True

    def method(self, step: StepTasks) -> Method:
        def solve(gramian: Tensor) -> Tensor:
            if step.step % 2:
                return torch.full_like(gramian[0], torch.inf)
            raise ArithmeticError("no way down")

        return solve


def test_counted_and_told_once() -> None:
    broken = Broken()
    with pytest.warns(UserWarning, match="Broken has no answer in step 0 .ArithmeticError: no way"):
        assert broken.weights(step(random(4, 9))).tolist() == [0.25] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert broken.weights(step(random(4, 9), 1)).tolist() == [0.25] * 4
    assert broken.failures == 2


@pytest.mark.filterwarnings("ignore:weighting")
@pytest.mark.parametrize("name", GRAMIAN + JACOBIAN)
def test_nothing_that_is_not_finite_is_remembered(name: str) -> None:
    through, spared = build(name, 3), build(name, 3)
    bad = step(torch.full((3, 9), torch.nan, dtype=torch.float64), 0)
    assert through.weights(bad).tolist() == pytest.approx([1 / 3] * 3)
    through.combine(bad)
    torch.testing.assert_close(
        update(through, step(random(3, 9), 1)), update(spared, step(random(3, 9), 1))
    )
