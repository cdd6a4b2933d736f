"""A number a task, learned by Adam beside the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class LearnedNumbers:
    """``[K]`` numbers with an Adam of their own; no weight decay, and JSON for the checkpoint.

    :param count: K.
    :param learning_rate: Adam's.
    :param weight_decay: Adam's; 0 unless a method asks for it.
    """

    def __init__(self, count: int, learning_rate: float, weight_decay: float = 0.0) -> None:
        self.values = torch.zeros(count, dtype=torch.float64, requires_grad=True)
        self._adam = torch.optim.Adam([self.values], learning_rate, weight_decay=weight_decay)

    def at(self, present: Sequence[int]) -> Tensor:
        """The numbers of the tasks present, ``[P]``."""
        return self.values.detach()[list(present)]

    def descend(self, gradient: Tensor, present: Sequence[int]) -> None:
        """One step of Adam against ``gradient``, ``[P]``; absent tasks' numbers stay."""
        before = self.values.detach().clone()
        full = torch.zeros_like(before)
        full[list(present)] = gradient
        self.values.grad = full
        self._adam.step()
        absent = torch.ones_like(before, dtype=torch.bool)
        absent[list(present)] = False
        with torch.no_grad():
            self.values[absent] = before[absent]

    def state_dict(self) -> dict[str, Any]:
        """Numbers and Adam's moments."""
        moments = self._adam.state.get(self.values, {})
        return {
            "values": self.values.tolist(),
            "moments": {name: value.tolist() for name, value in moments.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        with torch.no_grad():
            self.values.copy_(torch.tensor(state["values"], dtype=torch.float64))
        kinds = {"step": torch.float32}
        for name, value in state["moments"].items():
            kind = kinds.get(name, torch.float64)
            self._adam.state[self.values][name] = torch.tensor(value, dtype=kind)
