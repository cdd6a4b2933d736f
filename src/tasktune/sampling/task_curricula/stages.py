"""Tasks that come in later, or leave."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasktune.errors import UserError
from tasktune.sampling.observation import TaskStatistics
from tasktune.sampling.task_curricula.base import TaskCurriculum, check_names, task_curricula


@task_curricula.register("stages")
class Stages(TaskCurriculum):
    """Opens and closes tasks at the steps that you say; the open ones share the draws.

    A task of language modelling on texts of the target domain that ends where the others begin is
    a first stage as in Gururangan et al. 2020, arXiv 2004.10964.

    Curriculum learning by stages, Bengio et al. 2009 (ICML).

    :param starts: task to the step that it opens at; 0 for tasks that are not named.
    :param ends: task to the step from which it is drawn no more; none where it is not named.
    """

    paper = "doi 10.1145/1553374.1553380"

    def __init__(
        self,
        names: tuple[str, ...],
        starts: dict[str, Annotated[int, Field(ge=0)]],
        ends: dict[str, Annotated[int, Field(ge=1)]] = {},  # noqa: B006  never changed
    ) -> None:
        check_names(starts, names, "curriculum.tasks.starts")
        check_names(ends, names, "curriculum.tasks.ends")
        self.names = names
        self.starts = np.array([starts.get(name, 0) for name in names])
        self.ends = np.array([ends.get(name, np.inf) for name in names])
        for name, start, end in zip(names, self.starts, self.ends, strict=True):
            if end <= start:
                raise UserError(
                    f"curriculum.tasks.ends: tasks.{name} would end at step {end:g}, before it"
                    f" opens at {start}; leave the task out, or end it later"
                )
        if self.starts.min() > 0:
            first = int(np.argmin(self.starts))
            raise UserError(
                f"curriculum.tasks.starts: no task is open at step 0, the first ({names[first]})"
                f" opens at {self.starts[first]}; let one open at 0"
            )

    def rates(
        self, step: int, rates: NDArray[np.float64], tasks: TaskStatistics
    ) -> NDArray[np.float64]:
        return np.asarray(np.where((self.starts <= step) & (step < self.ends), rates, 0.0))

    def check(self, steps: int) -> str | None:
        """Refuses tasks that would never be trained on.

        :raises UserError: naming them.
        """
        late = [name for name, start in zip(self.names, self.starts, strict=True) if start >= steps]
        if late:
            raise UserError(
                f"curriculum.tasks.starts: {', '.join(late)} would open after the last of"
                f" training.steps {steps}; open earlier, train longer or leave the task out"
            )
        return None
