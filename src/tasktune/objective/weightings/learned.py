"""A number a task, learned by Adam beside the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8


class LearnedNumbers:
    """``[K]`` numbers with an Adam of their own, which counts each task's steps; JSON as state.

    :param count: K.
    :param learning_rate: Adam's.
    :param weight_decay: Adam's, towards 0; none unless a method asks for it.
    """

    def __init__(self, count: int, learning_rate: float, weight_decay: float = 0.0) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.values = torch.zeros(count, dtype=torch.float64)
        self._means = torch.zeros_like(self.values)
        self._squares = torch.zeros_like(self.values)
        self._steps = torch.zeros_like(self.values)

    def at(self, present: Sequence[int]) -> Tensor:
        """The numbers of the tasks present, ``[P]``."""
        return self.values[list(present)]

    def descend(self, gradient: Tensor, present: Sequence[int]) -> None:
        """One step of Adam against ``gradient``, ``[P]``.

        Absent tasks' numbers and moments stay, and all do where the gradient is not finite.
        """
        if not bool(torch.isfinite(gradient).all()):
            return
        tasks = list(present)
        gradient = gradient.detach() + self.weight_decay * self.values[tasks]
        self._steps[tasks] += 1
        self._means[tasks] += (1 - FIRST) * (gradient - self._means[tasks])
        self._squares[tasks] += (1 - SECOND) * (gradient**2 - self._squares[tasks])
        mean = self._means[tasks] / (1 - FIRST ** self._steps[tasks])
        square = self._squares[tasks] / (1 - SECOND ** self._steps[tasks])
        self.values[tasks] -= self.learning_rate * mean / (square.sqrt() + SMALL)

    def state_dict(self) -> dict[str, Any]:
        """Numbers and Adam's moments."""
        return {
            "values": self.values.tolist(),
            "means": self._means.tolist(),
            "squares": self._squares.tolist(),
            "steps": self._steps.tolist(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        self.values = torch.tensor(state["values"], dtype=torch.float64)
        self._means = torch.tensor(state["means"], dtype=torch.float64)
        self._squares = torch.tensor(state["squares"], dtype=torch.float64)
        self._steps = torch.tensor(state["steps"], dtype=torch.float64)
