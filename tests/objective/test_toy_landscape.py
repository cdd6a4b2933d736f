"""The two-task landscape of CAGrad, Nash-MTL and FAMO: which valley a method ends in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmarks.toy_landscape import descend, gradients, losses

VALUES = {  # published values of the landscape itself, first loss unscaled
    (-8.5, 7.5): (6.552363, 7.900798),
    (-8.5, -5.0): (4.059918, -19.421502),
    (9.0, 9.0): (7.943949, 6.691495),
    (-7.5, -0.5): (0.388808, -4.754484),
    (9.0, -1.0): (-8.831059, 2.814293),
    (0.0, -8.3552): (-15.091638, -15.091638),
}


def test_the_landscape_is_the_papers() -> None:
    points = torch.tensor(list(VALUES), dtype=torch.float64)
    expected = torch.tensor(list(VALUES.values()), dtype=torch.float64)
    torch.testing.assert_close(losses(points, first=1.0), expected, atol=1e-5, rtol=1e-5)


def test_gradients_are_the_losses_own() -> None:
    points = torch.tensor([[-8.5, 7.5], [3.0, -4.0]], dtype=torch.float64)
    _, rows = gradients(points)
    step = 1e-6
    for axis in (0, 1):
        nudge = torch.zeros(2, dtype=torch.float64)
        nudge[axis] = step
        slope = (losses(points + nudge) - losses(points - nudge)) / (2 * step)
        torch.testing.assert_close(rows[:, :, axis], slope, atol=1e-4, rtol=1e-4)


HARD = (9.0, 9.0)


def end(method: str) -> Tensor:
    """Where the hardest start has got to after 2,500 steps: enough to leave the wall, or not.

    Steps of 0.01 are too coarse: rounding then decides which side of the wall a path comes down.
    """
    return descend(method, 2_500, 5e-3, (HARD,))[-1, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "leaves"), [
    ("equal", False),  # the mean of the gradients stays on the wall
    ("imtl_g", True),
    ("famo", True),
])  # fmt: skip
def test_who_leaves_the_wall(method: str, leaves: bool) -> None:
    assert bool(end(method)[1] < -4) == leaves
