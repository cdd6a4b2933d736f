"""Balances gradient norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from tasktune.objective.weightings.base import StepTasks, Weighting, weightings
from tasktune.objective.weightings.memory import to_list, to_tensor
from tasktune.objective.weightings.normal import sum_to_one
from tasktune.objective.weightings.windows import Windows


@weightings.register("gradnorm")
class GradNorm(Weighting):
    """Learns weights under which weighted gradient norms are alike, larger for slower tasks.

    ``sum_k |w_k |g_k| - mean_j(w_j |g_j|) r_k^alpha|`` descends by w, in units of the mean norm,
    where ``r_k`` is the task's relative loss ``L_k / L_k(0)`` over their mean; w is scaled to its
    fixed sum after each step. The norms are the Gramian's diagonal. Losses are means over windows
    of steps, ``L_k(0)`` the first; until there are two, ``r_k`` is 1. GradNorm, Chen et al. 2018,
    arXiv 1711.02257.

    :param alpha: how strongly slower tasks are pulled along.
    :param learning_rate: of w.
    :param window: steps in a window.
    """

    needs = "gramian"
    paper = "arXiv 1711.02257"

    def __init__(
        self,
        tasks: Sequence[str],
        alpha: Annotated[float, Field(ge=0)] = 1.5,
        learning_rate: Annotated[float, Field(gt=0)] = 0.025,
        window: Annotated[int, Field(ge=1)] = 10,
    ) -> None:
        self.alpha = alpha
        self.learning_rate = learning_rate
        self.shares = torch.ones(len(tasks), dtype=torch.float64)
        self.first = torch.full((len(tasks),), torch.nan, dtype=torch.float64)
        self.windows = Windows(len(tasks), window, keep=1)

    def weights(self, step: StepTasks) -> Tensor:
        assert step.gramian is not None
        present = list(step.present)
        norms = step.gramian.detach().double().cpu().diagonal().clamp_min(0).sqrt()
        weights = self.shares[present]
        total = weights.sum()
        targets = norm_targets(weights, norms, self.ratios()[present], self.alpha)
        gradient = torch.sign(weights * norms - targets) * norms
        moved = weights - self.learning_rate * gradient / norms.mean().clamp_min(1e-30)
        self.shares[present] = sum_to_one(moved.clamp_min(1e-3)) * total
        if self.windows.add(step):
            newest = self.windows.means[-1]
            self.first = torch.where(torch.isfinite(self.first), self.first, newest)
        return sum_to_one(self.shares[present])

    def ratios(self) -> Tensor:
        """Each task's newest loss relative to its first, ``[K]``; 1 where it has none."""
        if not self.windows.means:
            return torch.ones_like(self.first)
        ratios = self.windows.means[-1] / self.first
        return torch.where(torch.isfinite(ratios), ratios, 1)

    def state_dict(self) -> dict[str, Any]:
        return {
            "shares": self.shares.tolist(),
            "first": to_list(self.first),
            "windows": self.windows.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.shares = torch.tensor(state["shares"], dtype=torch.float64)
        self.first = to_tensor(state["first"])
        self.windows.load_state_dict(state["windows"])


def norm_targets(weights: Tensor, norms: Tensor, ratios: Tensor, alpha: float) -> Tensor:
    """``mean_j(w_j |g_j|) (r_k / mean r)^alpha``, ``[P]``."""
    return (weights * norms).mean() * (ratios / ratios.mean()) ** alpha
