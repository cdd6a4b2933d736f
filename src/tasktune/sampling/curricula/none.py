"""Every example from the start."""

from __future__ import annotations

from tasktune.sampling.curricula.base import Curriculum, curricula


@curricula.register("none")
class Unpaced(Curriculum):
    """Admits every example from the first step: no difficulty is measured."""

    def share(self, step: int) -> float:
        return 1.0
