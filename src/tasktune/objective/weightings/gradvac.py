"""Vaccinates gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import GradVacWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("gradvac")
class GradVac(GramianWeighting):
    """Raises each pair's cosine to its running mean, where PCGrad only raises it to zero.

    Gradient Vaccine, Wang et al. 2021, arXiv 2010.05874.

    :param beta: how fast the running mean follows.
    """

    paper = "arXiv 2010.05874"
    sums = True

    def __init__(
        self, tasks: Sequence[str], seed: int = 0, beta: Annotated[float, Field(ge=0, le=1)] = 0.5
    ) -> None:
        self.seed = seed
        self.beta = beta
        self._cosines = torch.zeros(len(tasks), len(tasks), dtype=torch.float64)

    def method(self, step: StepTasks) -> Method:
        pairs = torch.meshgrid(*[torch.tensor(step.present)] * 2, indexing="ij")
        vaccine: Any = GradVacWeighting(beta=self.beta)  # its state is no public attribute
        vaccine._phi_t = self._cosines[pairs].clone()
        vaccine._state_key = (len(step.present), torch.float64)

        def solve(gramian: Tensor) -> Tensor:
            weights: Tensor = vaccine(gramian)
            self._cosines[pairs] = vaccine._phi_t
            return weights

        return solve

    def state_dict(self) -> dict[str, Any]:
        return {"cosines": self._cosines.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._cosines = torch.tensor(state["cosines"], dtype=torch.float64)
