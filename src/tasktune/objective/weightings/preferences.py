"""What the user prefers, by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tasktune.errors import UserError, nearest

Preferences = dict[str, Annotated[float, Field(gt=0)]]


def preference_vector(
    preferences: Mapping[str, float] | None, tasks: Sequence[str], key: str
) -> Tensor:
    """Each task's preference, 1 where none is given: ``[K]``, in double precision.

    :param key: the YAML key, for messages.
    :raises UserError: for an unknown task, with the nearest name.
    """
    given = preferences or {}
    for name in given:
        if name not in tasks:
            raise UserError(f"{key}: unknown task '{name}'; {nearest(name, tasks)}")
    return torch.tensor([given.get(name, 1.0) for name in tasks], dtype=torch.float64)
