"""Watches each task's losses, says which fit ill, and acts on those that are past their best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tasktune.config import MonitorConfig, RunConfig
from tasktune.errors import UserError, nearest
from tasktune.model.task_model import TaskModel
from tasktune.objective.update import Update
from tasktune.training.monitor.best import BestParameters
from tasktune.training.monitor.curves import Curves
from tasktune.training.monitor.diagnosis import Diagnosis, diagnose


class ValidationLosses(Protocol):
    """What a look sees of a task's validation examples."""

    @property
    def means(self) -> NDArray[np.float64]:
        """Each one's mean loss, ``[n]``."""

    @property
    def hit_shares(self) -> NDArray[np.float64]:
        """The share of each one's targets that was predicted right, ``[n]``."""


Losses = Callable[[], Sequence[ValidationLosses]]


class Monitor:
    """The monitor of a run.

    With action ``report`` it only looks: what is trained is the same without it. ``cool`` halves
    (``cooling``) the rate at which an overfitting task is drawn at every look, and gives it back
    its rate once it gets better than ever. ``freeze`` puts the task's own adapter and head back to
    their best step, leaves them there, and draws the task no more.

    :param losses: measures each task's validation losses, of the same examples every time.
    :param steps: of the run.
    """

    def __init__(self, config: MonitorConfig, model: TaskModel, losses: Losses, steps: int) -> None:
        self.config = config
        self.model = model
        self.losses = losses
        self.steps = steps
        self.every = config.interval(steps)
        self.curves = [Curves() for _ in model.tasks]
        self.rates = np.ones(len(model.tasks))
        self.frozen = [False] * len(model.tasks)
        self.overfitting = [0] * len(model.tasks)  # looks in a row
        self.aggregates: list[float] = []
        acts = "freeze" in [config.action_on(name) for name in model.tasks]
        keeps = self.every > 0 and (acts or config.keep == "best")
        self.best = BestParameters(model) if keeps else None

    def due(self, done: int) -> bool:
        """Whether to look after step ``done``; 0 is before the first."""
        return self.every > 0 and (done % self.every == 0 or done == self.steps)

    def observe(self, step: int, update: Update) -> None:
        """Sees each step after it was taken."""
        if self.every > 0:
            for task, loss in zip(update.present, update.losses.tolist(), strict=True):
                self.curves[task].current.add(step, loss)

    def look(self, done: int, epochs: NDArray[np.float64]) -> dict[str, Any]:
        """Measures, judges and acts; each task's part of the log's line.

        :param done: steps taken.
        :param epochs: how often each training set has been seen, ``[K]``.
        """
        for curves, found, seen in zip(self.curves, self.losses(), epochs, strict=True):
            curves.look(done, found.means, found.hit_shares, float(seen))
        self.keep_best()
        line = {}
        for task, name in enumerate(self.model.tasks):
            diagnosis = diagnose(name, self.curves[task], frozen=self.frozen[task])
            action = self.act(task, name, diagnosis)
            line[name] = {**diagnosis.to_json(), "rate": float(self.rates[task]), "action": action}
        return line

    def keep_best(self) -> None:
        """Notes how good all tasks are together, and copies what is the best so far."""
        relative = [
            curves.means[-1] / max(curves.means[0], 1e-12)
            for curves in self.curves
            if math.isfinite(curves.means[0])  # without one there is nothing to be relative to
        ] or [1.0]
        together = max(relative) if self.config.best_by == "worst" else float(np.mean(relative))
        self.aggregates.append(together)
        if self.best is None:
            return
        for task, curves in enumerate(self.curves):
            if curves.best == len(curves.steps) - 1 and not self.frozen[task]:
                self.best.keep_task(task)
        if int(np.argmin(self.aggregates)) == len(self.aggregates) - 1:
            self.best.keep_whole()

    def act(self, task: int, name: str, diagnosis: Diagnosis) -> str:
        """Cools or freezes a task that is past its best; returns what was done, in a word."""
        overfits = diagnosis.verdict == "overfits"
        self.overfitting[task] = self.overfitting[task] + 1 if overfits else 0
        action = self.config.action_on(name)
        if action == "report" or self.frozen[task]:
            return ""
        if action == "cool" and diagnosis.best_step == self.curves[task].steps[-1]:
            self.rates[task] = 1.0
        if self.overfitting[task] < self.config.patience:
            return ""
        if action == "cool":
            self.rates[task] *= self.config.cooling
            return "cooled"
        assert self.best is not None
        self.best.restore_task(task)
        self.frozen[task] = True
        self.rates[task] = 0.0
        return "frozen"

    def compose(self) -> dict[str, Any]:
        """Leaves the best parameters in the model; from which steps they are.

        What tasks share is of the step that was best for all together. A task's own parameters are
        of its own best step or of that same step, whichever has the lower validation loss with
        what is shared: at its own best step, the rest was another.
        """
        assert self.best is not None
        together = int(np.argmin(self.aggregates))
        self.best.restore_whole()
        common = [float(found.means.mean()) for found in self.losses()]
        for task in range(len(self.model.tasks)):
            self.best.restore_task(task)
        own = [float(found.means.mean()) for found in self.losses()]
        self.best.restore_whole()
        tasks = {}
        for task, name in enumerate(self.model.tasks):
            curves = self.curves[task]
            takes_own = own[task] < common[task]
            if takes_own:
                self.best.restore_task(task)
            tasks[name] = {
                "step": curves.steps[curves.best if takes_own else together],
                "validation_loss": min(own[task], common[task]),
            }
        return {"shared_step": self.curves[0].steps[together], "tasks": tasks}

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, but for tensors: JSON."""
        return {
            "curves": [curves.state_dict() for curves in self.curves],
            "rates": self.rates.tolist(),
            "frozen": list(self.frozen),
            "overfitting": list(self.overfitting),
            "aggregates": list(self.aggregates),
        }

    def load_state_dict(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Goes on from ``state_dict``'s answer.

        :param tensors: those of ``best``.
        """
        self.curves = [Curves.from_state_dict(curves) for curves in state["curves"]]
        self.rates = np.array(state["rates"])
        self.frozen = list(state["frozen"])
        self.overfitting = list(state["overfitting"])
        self.aggregates = list(state["aggregates"])
        if self.best is not None:
            self.best.load_tensors(tensors)


def check_monitor(config: RunConfig) -> None:
    """Refuses an action on a task that the run does not have.

    :raises UserError: with the nearest name.
    """
    action = config.monitor.action
    for name in action if isinstance(action, dict) else ():
        if name not in config.tasks:
            raise UserError(f"monitor.action: unknown task '{name}'; {nearest(name, config.tasks)}")
