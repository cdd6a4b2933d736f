"""Steps and methods for tests of weightings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tasktune.objective.weightings import StepTasks, Weighting, weightings

NAMES = tuple("abcdefghijklmnopqrstuvwxyz123456")
REQUIRED: dict[str, dict[str, Any]] = {"fixed": {"weights": {"a": 2.0}}, "pcd": {"primary": "a"}}
GRAMIAN = [name for name, method in weightings.items() if method.needs == "gramian"]
JACOBIAN = [name for name, method in weightings.items() if method.needs == "jacobian"]
LOSSES = [name for name, method in weightings.items() if method.needs in ("nothing", "losses")]
DRAWS = ("rlw", "pcgrad", "gradvac", "graddrop")


def build(name: str, count: int, *, seed: int = 0, **options: Any) -> Weighting:
    """The method for tasks a, b, ..."""
    given = {**REQUIRED.get(name, {}), **options}
    return weightings.build(name, given, "weighting", {"tasks": NAMES[:count], "seed": seed})


def step(
    jacobian: Tensor,
    number: int = 0,
    losses: Sequence[float] | None = None,
    present: tuple[int, ...] | None = None,
) -> StepTasks:
    """A step whose tasks have these gradients, ``[P, D]``."""
    count = len(jacobian)
    values = torch.ones(count) if losses is None else torch.tensor(losses)
    return StepTasks(
        number,
        present or tuple(range(count)),
        values.double(),
        torch.ones(count, dtype=torch.float64),
        jacobian @ jacobian.T,
        jacobian,
    )


def update(weighting: Weighting, taken: StepTasks) -> Tensor:
    """What the parameters' gradient becomes, ``[D]``."""
    assert taken.jacobian is not None
    weights = weighting.weights(taken)
    combined = weighting.combine(taken)
    return weights.to(taken.jacobian) @ taken.jacobian if combined is None else combined


def random(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def conflicting(count: int, width: int, seed: int = 0) -> Tensor:
    """Gradients of unlike norms, the second against the first."""
    rows = random(count, width, seed=seed)
    rows[1] -= 1.2 * rows[0]
    return rows * torch.exp(random(count, 1, seed=seed + 1) / 2)
