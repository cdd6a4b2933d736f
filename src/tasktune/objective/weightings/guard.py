"""Warm-up and floor, for any method that weighs losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tasktune.errors import UserError
from tasktune.objective.weightings.base import StepTasks, Weighting


class Guarded(Weighting):
    """Another method's weights, equal during a warm-up and never below a floor.

    :param inner: the method; it watches during the warm-up too.
    :param warmup: steps of equal weights.
    :param floor: the least share of any task present, as a part of an equal share: 0 to 1.
    :raises UserError: for a floor under a method whose update is no mean of gradients.
    """

    def __init__(self, inner: Weighting, warmup: int, floor: float) -> None:
        if floor and inner.needs in ("gramian", "jacobian"):
            raise UserError("weighting.floor: only methods that weigh losses take a floor")
        self.inner = inner
        self.warmup = warmup
        self.floor = floor
        self.needs = inner.needs
        self.looks_back = inner.looks_back

    def weights(self, step: StepTasks) -> Tensor:
        weights = self.inner.weights(step)
        equal = torch.full_like(weights, 1 / len(step.present))
        if step.step < self.warmup:
            return equal
        return self.floor * equal + (1 - self.floor) * weights if self.floor else weights

    def combine(self, step: StepTasks) -> Tensor | None:
        update = self.inner.combine(step)
        if update is None or step.step >= self.warmup:
            return update
        assert step.jacobian is not None
        return step.jacobian.mean(dim=0)

    def observe(self, step: StepTasks) -> None:
        self.inner.observe(step)

    def check(self, steps: int) -> str | None:
        if self.warmup >= steps:
            raise UserError(
                f"weighting.warmup: {self.warmup} steps leave the method none of the run's {steps}"
            )
        return self.inner.check(steps)

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.inner.load_state_dict(state)
