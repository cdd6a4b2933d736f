"""One example, ready for a batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pooling = Literal["mean", "cls", "last"]


@dataclass(frozen=True)
class Item:
    """One example, ready for a batch.

    :param task: the task's index.
    :param input_ids: prompt, then target.
    :param prompt_length: tokens of the prompt; every later token is to be predicted.
    :param label: what the task's head is to give, instead of tokens; nan for an example that only
        penalties see.
    :param in_target: whether it is of its task's target domain.
    :param class_index: which class it is of; -1 where there are none.
    :param again: whether it is the second copy of the item before it, read under other dropout.
    """

    task: int
    input_ids: NDArray[np.int32]
    prompt_length: int
    label: float | None = None
    in_target: bool = False
    class_index: int = -1
    again: bool = False

    @property
    def target_positions(self) -> range:
        """Where the output layer runs: the positions just before each target token."""
        if self.label is not None:
            return range(0)
        return range(max(self.prompt_length, 1) - 1, len(self.input_ids) - 1)

    def pooled_positions(self, pooling: Pooling) -> range:
        """Which tokens its head pools; none if it has no head."""
        if self.label is None:
            return range(0)
        length = len(self.input_ids)
        return {"mean": range(length), "cls": range(1), "last": range(length - 1, length)}[pooling]

    @property
    def target_count(self) -> int:
        """What this example adds to the number that its task's loss is divided by."""
        if self.label is None:
            return len(self.target_positions)
        return 0 if math.isnan(self.label) else 1
