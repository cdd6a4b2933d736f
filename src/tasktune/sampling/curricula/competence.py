"""As much as the model is ready for."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasktune.sampling.curricula.base import Curriculum, curricula


@curricula.register("competence")
class Competence(Curriculum):
    """Admits the share ``min(1, (t / T (1 - c0^p) + c0^p)^(1/p))``, t counted in steps.

    p = 2 is the paper's root pacing: new examples come ever more slowly, so that each gets about
    the same time. p = 1 is its linear one. Platanios et al. 2019, arXiv 1903.09848.

    :param steps: T, the step from which every example is admitted.
    :param initial: c0, the share at step 0.
    :param power: p.
    """

    paper = "arXiv 1903.09848"

    def __init__(
        self,
        steps: Annotated[int, Field(ge=1)],
        initial: Annotated[float, Field(gt=0, le=1)] = 0.01,
        power: Annotated[float, Field(gt=0)] = 2.0,
    ) -> None:
        self.steps = steps
        self.initial = initial
        self.power = power

    def share(self, step: int) -> float:
        if step >= self.steps:
            return 1.0
        start = self.initial**self.power
        competence: float = (step / self.steps * (1 - start) + start) ** (1 / self.power)
        return competence
