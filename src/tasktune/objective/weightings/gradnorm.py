"""Balances gradient norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from tasktune.objective.weightings.base import StepTasks, Weighting, weightings
from tasktune.objective.weightings.normal import sum_to_one


@weightings.register("gradnorm")
class GradNorm(Weighting):
    """Learns weights under which weighted gradient norms are alike, larger for slower tasks.

    ``sum_k |w_k |g_k| - mean_j(w_j |g_j|) r_k^alpha|`` descends by w, where ``r_k`` is the task's
    relative loss ``L_k / L_k(0)`` over their mean; w is scaled to its fixed sum after each step.
    The norms are the Gramian's diagonal. GradNorm, Chen et al. 2018, arXiv 1711.02257.

    :param alpha: how strongly slower tasks are pulled along.
    :param learning_rate: of w.
    """

    needs = "gramian"
    paper = "arXiv 1711.02257"

    def __init__(
        self,
        tasks: Sequence[str],
        alpha: Annotated[float, Field(ge=0)] = 1.5,
        learning_rate: Annotated[float, Field(gt=0)] = 0.025,
    ) -> None:
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.shares = torch.ones(len(tasks), dtype=torch.float64)
        self.first = torch.full((len(tasks),), torch.nan, dtype=torch.float64)

    def weights(self, step: StepTasks) -> Tensor:
        assert step.gramian is not None
        present = list(step.present)
        losses = step.losses.detach().double().cpu()
        norms = step.gramian.detach().double().cpu().diagonal().clamp_min(0).sqrt()
        first = self.first[present]
        self.first[present] = torch.where(torch.isfinite(first), first, losses)
        weights = self.shares[present]
        total = weights.sum()
        targets = norm_targets(weights, norms, losses / self.first[present], self.alpha)
        gradient = torch.sign(weights * norms - targets) * norms
        moved = weights - self.learning_rate * gradient / norms.mean().clamp_min(1e-30)
        self.shares[present] = sum_to_one(moved.clamp_min(1e-3)) * total
        return sum_to_one(self.shares[present])

    def state_dict(self) -> dict[str, Any]:
        first = [None if value != value else value for value in self.first.tolist()]
        return {"shares": self.shares.tolist(), "first": first}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.shares = torch.tensor(state["shares"], dtype=torch.float64)
        first = [float("nan") if value is None else value for value in state["first"]]
        self.first = torch.tensor(first, dtype=torch.float64)


def norm_targets(weights: Tensor, norms: Tensor, ratios: Tensor, alpha: float) -> Tensor:
    """``mean_j(w_j |g_j|) (r_k / mean r)^alpha``, ``[P]``."""
    return (weights * norms).mean() * (ratios / ratios.mean()) ** alpha
