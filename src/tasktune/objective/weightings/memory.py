"""Numbers that are not known yet, in a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def to_list(numbers: Tensor) -> list[float | None]:
    """``[K]`` numbers as JSON knows them: ``None`` where one is not known."""
    return [None if value != value else value for value in numbers.tolist()]


def to_tensor(numbers: Sequence[float | None]) -> Tensor:
    """``to_list``'s answer as it was, in double precision."""
    known = [float("nan") if value is None else value for value in numbers]
    return torch.tensor(known, dtype=torch.float64)
