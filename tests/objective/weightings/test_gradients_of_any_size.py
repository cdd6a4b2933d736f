"""What a method does must not depend on the gradients' unit, nor on tasks without a gradient."""

from __future__ import annotations

import pytest
import torch

from tests.objective.weightings.steps import GRAMIAN, JACOBIAN, build, conflicting, step, update

BARGAINS = {"nash_mtl": 0.5, "fairgrad": 0.5}  # weights that go with the inverse of the norms


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e-2, 1e3])
@pytest.mark.parametrize("name", GRAMIAN + JACOBIAN)
def test_any_unit(name: str, size: float) -> None:
    """In another unit TorchJD's solvers meet their tolerances: CAGrad would stop the training."""
    jacobian = conflicting(4, 30)
    options = {"max_norm": 0} if name == "nash_mtl" else {}
    plain = update(build(name, 4, **options), step(jacobian))
    scaled = update(build(name, 4, **options), step(jacobian * size))
    expected = plain if name in BARGAINS else plain * size
    torch.testing.assert_close(scaled, expected, rtol=1e-6, atol=1e-9 * float(expected.norm()))


@pytest.mark.parametrize("name", GRAMIAN + JACOBIAN)
def test_no_gradient_at_all(name: str) -> None:
    taken = step(torch.zeros(3, 8, dtype=torch.float64))
    weights = build(name, 3).weights(taken)
    assert weights.tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("name", GRAMIAN)
def test_a_task_without_a_gradient_stops_no_other(name: str) -> None:
    """To MGDA and CAGrad such a task is a Pareto-stationary point: they would stop everything."""
    jacobian = conflicting(4, 30)
    jacobian[2] = 0
    taken = update(build(name, 4), step(jacobian))
    alone = update(build(name, 3), step(jacobian[[0, 1, 3]]))
    cosine = float(torch.cosine_similarity(taken, alone, dim=0))
    # Another random order, or one step of learning.
    assert cosine > {"pcgrad": 0.9, "gradvac": 0.9, "gradnorm": 0.99}.get(name, 1 - 1e-6)
    assert float(taken.norm()) > 0.5 * float(alone.norm())


@pytest.mark.parametrize("name", GRAMIAN + JACOBIAN)
@pytest.mark.parametrize("pull", [-1.0, 1.0, 0.0])
def test_dependent_gradients(name: str, pull: float) -> None:
    """Gradients that are multiples of each other, opposite ones included."""
    first = conflicting(2, 20)[0]
    other = first if pull else conflicting(2, 20)[1]
    jacobian = torch.stack([first, pull * other, 0.5 * first])
    taken = step(jacobian)
    assert bool(torch.isfinite(build(name, 3).weights(taken)).all())
    answer = update(build(name, 3), taken)
    assert bool(torch.isfinite(answer).all())
    assert float(answer.norm()) < 20 * float(jacobian.norm())


ONE_TIMES_THE_MEAN = sorted({*GRAMIAN, *JACOBIAN} - {"cagrad", "nash_mtl", "fairgrad"})


@pytest.mark.parametrize("name", ONE_TIMES_THE_MEAN)
def test_tasks_that_agree_get_their_mean(name: str) -> None:
    row = conflicting(2, 20)[0]
    answer = update(build(name, 4), step(row.expand(4, -1)))
    torch.testing.assert_close(answer, row, rtol=1e-6, atol=1e-9)


def test_cagrad_goes_further_where_tasks_agree() -> None:
    row = conflicting(2, 20)[0]
    answer = update(build("cagrad", 4, c=0.5), step(row.expand(4, -1)))
    torch.testing.assert_close(answer, 1.5 * row, rtol=1e-6, atol=1e-9)


def test_bargains_have_their_own_length() -> None:
    """The square of their update is the number of tasks, whatever the gradients are."""
    for name in BARGAINS:
        options = {"max_norm": 0} if name == "nash_mtl" else {}
        answer = update(build(name, 4, **options), step(conflicting(4, 30)))
        assert float(answer @ answer) == pytest.approx(4, rel=1e-5)
    assert float(update(build("nash_mtl", 4), step(conflicting(4, 30))).norm()) == pytest.approx(1)
