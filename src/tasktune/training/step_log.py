"""What a logged step says of the steps since the last one."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tasktune.data import Task
from tasktune.objective.update import Update
from tasktune.sampling.sampler import Sampler


class StepLog:
    """Sums up the steps since the last line of the log."""

    def __init__(self, tasks: Sequence[Task], sampler: Sampler) -> None:
        self.names = [task.name for task in tasks]
        self.sampler = sampler
        self.started = time.perf_counter()
        self.total_tokens = 0
        self.last: Update | None = None
        self.restart()

    def restart(self) -> None:
        """Begins a new line."""
        self.loss, self.steps = 0.0, 0
        self.losses, self.weights, self.seen = (torch.zeros(len(self.names)) for _ in range(3))
        self.drawn = self.sampler.drawn.copy()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leaves what was not training, such as an evaluation, out of tokens per second."""
        self.timed_from = time.perf_counter()
        self.timed_tokens = self.total_tokens

    def add(self, update: Update, total_tokens: int) -> None:
        """One more step, after which all tasks together have seen ``total_tokens``."""
        present = list(update.present)
        self.losses[present] += update.losses.float()
        self.weights[present] += update.weights.float()
        self.seen[present] += 1
        self.loss += update.loss
        self.steps += 1
        self.total_tokens = total_tokens
        self.last = update

    def line(self, step: int, rate: float, norm: float | None, tokens: Tensor) -> dict[str, Any]:
        """The line of ``step``, and a new beginning.

        :param rate: the learning rate.
        :param norm: of the gradient, before clipping; none of a step that was left out.
        :param tokens: that each task has seen, ``[K]``.
        """
        seconds = time.perf_counter() - self.timed_from
        drawn = self.sampler.drawn - self.drawn
        planned = self.sampler.planned
        admitted = self.sampler.admitted(step - 1, planned)
        line: dict[str, Any] = {
            "step": step,
            "time": round(time.perf_counter() - self.started, 3),
            "tokens_per_second": round(
                (self.total_tokens - self.timed_tokens) / max(seconds, 1e-9), 1
            ),
            "learning_rate": rate,
            "loss": self.loss / self.steps if self.steps else None,
            "gradient_norm": norm,
            "tasks": {
                name: {
                    **self.means(k),
                    "rate": float(drawn[k] / max(drawn.sum(), 1)),
                    "planned_rate": float(planned[k]),
                    "admitted": admitted[name],
                    "examples": int(self.sampler.drawn[k]),
                    "tokens": int(tokens[k]),
                    "epochs": float(self.sampler.epochs()[k]),
                }
                for k, name in enumerate(self.names)
            },
        }
        if self.last is not None and self.last.gramian is not None:
            line["conflict"] = conflict(
                self.last.gramian, [self.names[k] for k in self.last.present]
            )
        self.restart()
        return line

    def state_dict(self) -> dict[str, Any]:
        """The steps since the last line, so that the next one is the same after a resume: JSON."""
        return {
            "loss": self.loss,
            "steps": self.steps,
            "losses": self.losses.tolist(),
            "weights": self.weights.tolist(),
            "seen": self.seen.tolist(),
            "drawn": self.drawn.tolist(),
        }

    def load_state_dict(self, state: dict[str, Any], total_tokens: int) -> None:
        """Goes on from ``state_dict``'s answer."""
        self.loss, self.steps = state["loss"], state["steps"]
        self.losses, self.weights, self.seen = (
            torch.tensor(state[key]) for key in ("losses", "weights", "seen")
        )
        self.drawn = np.array(state["drawn"], dtype=np.int64)
        self.total_tokens = total_tokens
        self.restart_clock()

    def means(self, k: int) -> dict[str, float | None]:
        """A task's loss and weight, means over the steps that it was in."""
        seen = float(self.seen[k])
        if not seen:
            return {"loss": None, "weight": None}
        return {"loss": float(self.losses[k]) / seen, "weight": float(self.weights[k]) / seen}


def conflict(gramian: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """Norms and cosines of the tasks' gradients of the shared parameters.

    :param gramian: ``[P, P]``.
    :returns: the tasks' names, their norms ``[P]`` and cosines ``[P][P]``.
    """
    norms = gramian.diagonal().clamp_min(0).sqrt()
    cosines = gramian / (norms[:, None] * norms[None, :]).clamp_min(1e-30)
    return {
        "tasks": list(names),
        "norms": [round(norm, 8) for norm in norms.tolist()],
        "cosines": [[round(value, 4) for value in row] for row in cosines.tolist()],
    }


def ahead(gains: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """What a look ahead found, for the log.

    :param gains: ``[P, P]``, of a step for the row's task to the column's; none where not a number.
    """
    rows = [[float(f"{v:.6g}") if math.isfinite(v) else None for v in r] for r in gains.tolist()]
    return {"tasks": list(names), "gains": rows}
