"""Short before long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Task
from tasktune.sampling.difficulties.base import Difficulty, difficulties


@difficulties.register("length")
class Length(Difficulty):
    """The number of tokens, prompt and target. Platanios et al. 2019, arXiv 1903.09848."""

    paper = "arXiv 1903.09848"

    def measure(self, task: Task) -> NDArray[np.float64]:
        return task.train.lengths.astype(np.float64)
