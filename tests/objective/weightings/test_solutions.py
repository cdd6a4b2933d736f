"""Methods against the equations that define them, and against TorchJD's own state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import (
    ConFIG,
    CRMOGMWeighting,
    GradVacWeighting,
    MGDAWeighting,
    PCDWeighting,
)
from torchjd.scalarization import FAMO

from tests.objective.weightings.steps import build, conflicting, random, step


@pytest.mark.parametrize("count", [2, 4, 8, 12, 32])
def test_nash_solves_its_equation(count: int) -> None:
    """``w_i (G w)_i = 1``. TorchJD's own solver misses it on most Gramians from twelve tasks on."""
    for seed in range(5):
        jacobian = conflicting(count, 5 * count, seed)
        weights = build("nash_mtl", count, max_norm=0).weights(step(jacobian))
        product = weights * (jacobian @ (jacobian.T @ weights))
        torch.testing.assert_close(product, torch.ones_like(product), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
def test_fairgrad_solves_its_equation(alpha: float, size: float) -> None:
    """``G w = w^(-1 / alpha)``."""
    jacobian = conflicting(6, 40) * size
    weights = build("fairgrad", 6, alpha=alpha).weights(step(jacobian))
    left, right = jacobian @ (jacobian.T @ weights), weights ** (-1 / alpha)
    torch.testing.assert_close(left / right, torch.ones_like(left), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(2, 9), (4, 30), (6, 4), (12, 200)])
def test_config_needs_the_gramian_only(shape: tuple[int, int]) -> None:
    jacobian = conflicting(*shape)
    weights = build("config", shape[0]).weights(step(jacobian))
    expected = ConFIG()(jacobian) / shape[0]
    torch.testing.assert_close(weights @ jacobian, expected, rtol=1e-8, atol=1e-10)


def test_imtl_g_never_climbs() -> None:
    """A short gradient between two long ones: the raw weights' sum is negative.

    Scaled to 1, they would raise every task's loss: TorchJD's answer, and LibMTL's.
    """
    between = torch.tensor([0.5, 0.5, 0.04], dtype=torch.float64) * 0.4
    jacobian = torch.stack([*torch.eye(3, dtype=torch.float64)[:2], between])
    answer = build("imtl_g", 3).weights(step(jacobian)) @ jacobian
    assert bool((jacobian @ answer > 0).all())
    projections = (jacobian @ answer) / jacobian.norm(dim=1)
    torch.testing.assert_close(projections, projections[0].expand(3), rtol=1e-6, atol=1e-9)


def test_pcd_is_torchjds_where_all_tasks_are_always_there() -> None:
    ours, theirs = build("pcd", 3, tau=0.1), PCDWeighting(tau=0.1, eps=0.0)
    for number in range(6):
        jacobian = conflicting(3, 12, number)
        expected = theirs(jacobian @ jacobian.T)
        torch.testing.assert_close(ours.weights(step(jacobian, number)), expected)


def test_pcd_knows_a_late_task_at_once() -> None:
    """Its mean squared norm is over the steps it was in, not over all steps of the run."""
    late = conflicting(3, 12, 7)
    seasoned = build("pcd", 3, tau=0.3)
    for number in range(100):
        seasoned.weights(step(late[:2], number, present=(0, 1)))
    expected = build("pcd", 3, tau=0.3).weights(step(late))
    torch.testing.assert_close(seasoned.weights(step(late, 100)), expected)


def test_gradvac_is_torchjds() -> None:
    ours, theirs = build("gradvac", 2), GradVacWeighting()
    for number in range(6):
        jacobian = conflicting(2, 12, number)
        expected = theirs(jacobian @ jacobian.T) / 2
        torch.testing.assert_close(
            ours.weights(step(jacobian, number)), expected, rtol=1e-6, atol=1e-6
        )


def test_crmogm_is_torchjds() -> None:
    ours = build("crmogm", 3, alpha=0.7)
    first = torch.full((3,), 1 / 3, dtype=torch.float64)
    theirs = CRMOGMWeighting(MGDAWeighting(), 0.7, initial_weights=first)
    for number in range(6):
        jacobian = conflicting(3, 12, number)
        expected = theirs(jacobian @ jacobian.T)
        torch.testing.assert_close(ours.weights(step(jacobian, number)), expected)


@pytest.mark.parametrize("gamma", [0.0, 1e-3])
def test_famo_is_torchjds(gamma: float) -> None:
    ours = build("famo", 3, gamma=gamma)
    theirs = FAMO(3, weight_decay=gamma).double()
    anything = random(3, 4)
    for number in range(8):
        before = random(3, seed=number).exp().tolist()
        after = random(3, seed=number + 100).exp()
        values = torch.tensor(before, dtype=torch.float64, requires_grad=True)
        (expected,) = torch.autograd.grad(theirs(values), values)
        torch.testing.assert_close(ours.weights(step(anything, number, before)), expected)
        theirs.update(after)
        ours.observe(step(anything, number, after.tolist()))


def test_preferences_of_config() -> None:
    """Twice preferred: twice the cosine."""
    jacobian = conflicting(2, 10)
    answer: Tensor = build("config", 2, preferences={"b": 2.0}).weights(step(jacobian)) @ jacobian
    cosines = torch.cosine_similarity(jacobian, answer.unsqueeze(0))
    assert float(cosines[1] / cosines[0]) == pytest.approx(2)
