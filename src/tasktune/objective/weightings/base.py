"""What a weighting is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from tasktune.registry import Registry


@dataclass(frozen=True)
class StepTasks:
    """The tasks of one step's whole effective batch, micro-batches and ranks included.

    ``P`` counts the tasks present; an absent task takes no part in the step's weighting.

    :param step: counted from 0.
    :param present: the tasks' indices in the run, ascending, ``[P]``.
    :param losses: each task's mean loss, ``[P]``.
    :param counts: the targets that each mean is over, ``[P]``.
    :param gramian: inner products of the tasks' gradients, ``[P, P]``, for methods that need it.
    :param jacobian: the tasks' gradients of the shared parameters, ``[P, D]``, likewise.
    """

    step: int
    present: tuple[int, ...]
    losses: Tensor
    counts: Tensor
    gramian: Tensor | None = None
    jacobian: Tensor | None = None


Needs = Literal["nothing", "losses", "gramian", "jacobian"]


class Weighting(ABC):
    """Turns the tasks of a step into weights, one a task.

    Weights are over the effective batch, so they can't cancel however tasks fall into
    micro-batches.
    """

    needs: Needs = "losses"
    looks_back: bool = False
    """Whether ``observe`` wants the losses after the update: one more forward pass a step."""
    paper: str = ""

    @abstractmethod
    def weights(self, step: StepTasks) -> Tensor:
        """The weights of the tasks present, ``[P]``, summing to 1 unless the method says otherwise.

        Where ``needs`` is ``"nothing"``, losses are not known yet and must not be read.
        """

    def combine(self, step: StepTasks) -> Tensor | None:
        """The update itself, ``[D]``, for a method that is no weighted sum; ``None`` otherwise."""
        return None

    def observe(self, step: StepTasks) -> None:
        """Sees the same batch's losses after the update, where ``looks_back`` is set."""
        del step

    def check(self, steps: int) -> str | None:
        """What the user should know before a run of ``steps`` steps.

        :raises UserError: if the method can't act within the run.
        """
        return None

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, for the checkpoint: JSON."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from ``state_dict``'s answer."""
        del state


weightings: Registry[Weighting] = Registry("weighting", "tasktune.objective.weightings")
