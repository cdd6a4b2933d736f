"""What dynamic mixtures and curricula remember of losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class SmoothedLosses:
    """Each task's first loss and the running mean of its losses, ``[K]``; nan before the first.

    :param smoothing: the weight of a new loss in the running mean.
    """

    def __init__(self, tasks: int, smoothing: float) -> None:
        self.smoothing = smoothing
        self.first = np.full(tasks, np.nan)
        self.means = np.full(tasks, np.nan)

    def add(self, losses: Mapping[int, float]) -> None:
        """Takes a step's losses up; those that are not finite are passed over."""
        for task, loss in losses.items():
            if not np.isfinite(loss):
                continue
            if np.isnan(self.means[task]):
                self.first[task] = self.means[task] = loss
            else:
                self.means[task] += self.smoothing * (loss - self.means[task])

    def state_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            name: [None if np.isnan(x) else x for x in getattr(self, name).tolist()]
            for name in ("first", "means")
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        self.first = np.array(state["first"], dtype=np.float64)
        self.means = np.array(state["means"], dtype=np.float64)
