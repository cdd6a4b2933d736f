"""What the monitor has seen of a task: validation losses at each look, training losses between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasktune.training.monitor.statistics import Estimate, Stretch, mean_estimate


@dataclass
class Curves:
    """One task's curves.

    :param steps: after which step each look was, the first before any: ``[E]``.
    :param validation: the same validation examples' losses at each look, ``[E][n]``.
    :param hits: the share of each one's targets that was predicted right, ``[E][n]``.
    :param stretches: the training losses before each look; the first is empty, ``[E]``.
    :param epochs: how often the training set had been seen at each look, ``[E]``.
    """

    steps: list[int] = field(default_factory=list)
    validation: list[NDArray[np.float64]] = field(default_factory=list)
    hits: list[NDArray[np.float64]] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)
    current: Stretch = field(default_factory=Stretch.empty)

    def look(
        self,
        step: int,
        losses: NDArray[np.float64],
        hits: NDArray[np.float64],
        epochs: float,
    ) -> None:
        """Ends a stretch with a look at the validation examples.

        :param losses: each one's mean loss, ``[n]``.
        :param hits: the share of its targets that was predicted right, ``[n]``.
        """
        self.steps.append(step)
        self.validation.append(losses)
        self.hits.append(hits)
        self.stretches.append(self.current)
        self.epochs.append(epochs)
        self.current = Stretch.empty()

    @property
    def means(self) -> list[float]:
        """The mean validation loss at each look; infinite where it isn't a number."""
        means = [float(losses.mean()) for losses in self.validation]
        return [mean if np.isfinite(mean) else np.inf for mean in means]

    @property
    def least(self) -> int:
        """The look with the least validation loss, the first of equal ones."""
        return int(np.argmin(self.means))

    @property
    def best(self) -> int:
        """The look at which the task was best.

        That is the one with the least validation loss, unless more was predicted right at another,
        beyond chance: a classifier's loss may rise, as it grows too sure, while it still gets
        better.
        """
        least = self.least
        most = int(np.argmax([float(hits.mean()) for hits in self.hits]))
        return most if self.gain(least, most).rises else least

    def gain(self, before: int, after: int) -> Estimate:
        """How much more was predicted right at ``after``, example by example."""
        return mean_estimate(self.hits[after] - self.hits[before])

    def change(self, before: int, after: int) -> Estimate:
        """How the validation loss changed between two looks, example by example."""
        return mean_estimate(self.validation[after] - self.validation[before])

    def slope(self, looks: int) -> Estimate:
        """The validation loss's slope per step over the last ``looks`` looks.

        A line is fitted to each example's losses; the interval is over examples.
        """
        steps = np.array(self.steps[-looks:], dtype=np.float64)
        losses = np.stack(self.validation[-looks:])  # [looks, n]
        centred = steps - steps.mean()
        slopes = centred @ losses / max(float(centred @ centred), 1e-12)
        return mean_estimate(slopes)

    def state_dict(self) -> dict[str, Any]:
        """All of it: JSON."""
        return {
            "steps": self.steps,
            "validation": [losses.tolist() for losses in self.validation],
            "hits": [hits.tolist() for hits in self.hits],
            "stretches": [stretch.sums.tolist() for stretch in self.stretches],
            "epochs": self.epochs,
            "current": self.current.sums.tolist(),
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Curves:
        """The curves that ``state_dict`` was asked of."""
        return cls(
            steps=list(state["steps"]),
            validation=[np.array(losses, dtype=np.float64) for losses in state["validation"]],
            hits=[np.array(hits, dtype=np.float64) for hits in state["hits"]],
            stretches=[Stretch(np.array(sums)) for sums in state["stretches"]],
            epochs=list(state["epochs"]),
            current=Stretch(np.array(state["current"])),
        )
