"""Weights that the user sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor

from tasktune.errors import UserError, nearest
from tasktune.objective.weightings.base import StepTasks, Weighting, weightings


@weightings.register("fixed")
class Fixed(Weighting):
    """Weighs tasks as told: ``w_k ~ weights[k]`` (1 where none is given), summing to 1.

    Linear scalarisation, Xin et al. 2022, arXiv 2209.11379.

    :param weights: the weight of each task by name.
    """

    needs = "nothing"
    paper = "arXiv 2209.11379"

    def __init__(
        self, tasks: Sequence[str], weights: dict[str, Annotated[float, Field(gt=0)]]
    ) -> None:
        for name in weights:
            if name not in tasks:
                raise UserError(f"weighting.weights: unknown task '{name}'; {nearest(name, tasks)}")
        self._weights = [weights.get(name, 1.0) for name in tasks]

    def weights(self, step: StepTasks) -> Tensor:
        chosen = step.counts.new_tensor([self._weights[task] for task in step.present])
        return chosen / chosen.sum()
