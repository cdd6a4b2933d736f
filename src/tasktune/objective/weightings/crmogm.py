"""Smooths another method's weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor
from torchjd.aggregation import CRMOGMWeighting, MGDAWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("crmogm")
class CRMOGM(GramianWeighting):
    """MGDA with momentum on its weights, against their noise from batch to batch.

    ``w_t = alpha w_{t-1} + (1 - alpha) MGDA(G_t)``, over the tasks present. CR-MOGM, Zhou et al.
    2022 (NeurIPS).

    :param alpha: how much of the last weights stays.
    """

    paper = "NeurIPS 2022, ScwfQ7hdwyP"

    def __init__(
        self, tasks: Sequence[str], alpha: Annotated[float, Field(ge=0, lt=1)] = 0.9
    ) -> None:
        self.alpha = alpha
        self._weights = torch.full((len(tasks),), 1 / len(tasks), dtype=torch.float64)

    def method(self, step: StepTasks) -> Method:
        present = list(step.present)
        share = self._weights[present].sum()

        def solve(gramian: Tensor) -> Tensor:
            before = self._weights[present] / share
            smoothed = CRMOGMWeighting(MGDAWeighting(), self.alpha, initial_weights=before)
            weights = smoothed(gramian)
            self._weights[present] = weights * share
            return weights

        return solve

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self._weights.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._weights = torch.tensor(state["weights"], dtype=torch.float64)
