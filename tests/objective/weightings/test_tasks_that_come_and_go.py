"""Absent tasks take no part; tasks that come late are weighed as soon as anything is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasktune.objective.weightings import Weighting, weightings
from tasktune.objective.weightings.learned import LearnedNumbers
from tests.objective.weightings.steps import build, random, step, update

QUICK: dict[str, dict[str, Any]] = {
    "coba": {"window": 1, "points": 2},
    "dwa": {"window": 1},
    "gradnorm": {"window": 1},
    "stch": {"window": 2},
}


def train(weighting: Weighting, steps: range, present: tuple[int, ...]) -> None:
    for number in steps:
        losses = [1.0 + 0.1 * task - 0.01 * number for task in present]
        taken = step(random(len(present), 9, seed=number), number, losses, present)
        update(weighting, taken)
        weighting.observe(taken)


@pytest.mark.parametrize(
    "name", sorted(set(weightings.names()) - {"pcgrad", "gradvac", "graddrop"})
)
def test_an_absent_task_takes_no_part(name: str) -> None:
    """The tasks present are weighed as if the run had no others."""
    options = QUICK.get(name, {})
    among_four, alone = build(name, 4, **options), build(name, 2, **options)
    for number in range(8):
        losses = [1.0 - 0.02 * number, 2.0 + 0.01 * number]
        taken = step(random(2, 9, seed=number), number, losses, (0, 1))
        torch.testing.assert_close(update(among_four, taken), update(alone, taken))
        among_four.observe(taken)
        alone.observe(taken)


@pytest.mark.parametrize("name", ["coba", "dwa", "gradnorm", "stch"])
def test_a_late_task_does_not_switch_the_method_off(name: str) -> None:
    weighting = build(name, 3, **QUICK[name])
    for number in range(12):
        losses = [1.0 - 0.05 * number, 1.0 + 0.02 * number]
        weighting.weights(step(random(2, 9, seed=number), number, losses, (0, 1)))
    late = weighting.weights(step(random(3, 9), 12, [0.4, 1.24, 5.0], (0, 1, 2)))
    assert float(late[0] - late[1]) != pytest.approx(0, abs=1e-3)
    assert 0.05 < float(late[2]) < 0.95


def test_coba_gives_a_late_task_an_equal_share_until_its_slope_is_known() -> None:
    weighting = build("coba", 3, window=1, points=2)
    train(weighting, range(6), (0, 1))
    shares = [
        float(weighting.weights(step(random(3, 9), number, [1.0, 1.0, loss], (0, 1, 2)))[2])
        for number, loss in ((6, 9.0), (7, 9.1), (8, 9.2))
    ]
    assert shares[:2] == pytest.approx([1 / 3, 1 / 3])
    assert shares[2] != pytest.approx(1 / 3, abs=1e-3)


@pytest.mark.parametrize("name", ["uw", "imtl_l", "famo", "coba", "dwa", "stch", "gradnorm"])
def test_one_loss_that_is_not_finite_is_forgotten(name: str) -> None:
    weighting = build(name, 2, **QUICK.get(name, {}))
    train(weighting, range(6), (0, 1))
    bad = step(random(2, 9), 6, [float("nan"), 1.0])
    assert bool(torch.isfinite(weighting.weights(bad)).all())
    weighting.observe(bad)
    train(weighting, range(7, 14), (0, 1))
    after = weighting.weights(step(random(2, 9), 14, [1.0, 3.0]))
    assert after.tolist() != pytest.approx([0.5, 0.5], abs=1e-6)


def test_a_loss_of_zero() -> None:
    for name in ("gls", "uw", "imtl_l", "famo", "dwa", "stch", "coba", "rlw"):
        weighting = build(name, 2)
        for number in range(3):
            taken = step(random(2, 9), number, [0.0, 1.0])
            weights = weighting.weights(taken)
            weighting.observe(taken)
            assert float(weights.sum()) == pytest.approx(1), name
            assert bool((weights >= 0).all()), name


def test_learned_numbers_are_adams() -> None:
    ours = LearnedNumbers(3, 0.05, weight_decay=0.01)
    theirs = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([theirs], 0.05, weight_decay=0.01)
    for number in range(10):
        theirs.grad = random(3, seed=number)
        ours.descend(theirs.grad, (0, 1, 2))
        adam.step()
    torch.testing.assert_close(ours.values, theirs.detach())


def test_learned_numbers_of_an_absent_task_rest() -> None:
    interrupted, steady = LearnedNumbers(2, 0.05), LearnedNumbers(2, 0.05)
    for number in range(10):
        gradient = random(2, seed=number)
        steady.descend(gradient, (0, 1))
        interrupted.descend(gradient, (0, 1))
        interrupted.descend(gradient[:1], (0,))
    assert float(interrupted.values[1]) == float(steady.values[1])
    assert float(interrupted.values[0]) != float(steady.values[0])
