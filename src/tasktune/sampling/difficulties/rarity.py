"""Common words before rare ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Task
from tasktune.sampling.difficulties.base import Difficulty, difficulties


@difficulties.register("rarity")
class Rarity(Difficulty):
    """The mean of ``-log p(token)`` over an example's tokens, p being their share in the task.

    Platanios et al. 2019, arXiv 1903.09848, take the sum, which is length over again for the most
    part; the mean is apart from it.
    """

    paper = "arXiv 1903.09848"

    def measure(self, task: Task) -> NDArray[np.float64]:
        split = task.train
        tokens = np.concatenate([split.input_ids(index) for index in range(len(split))])
        counts = np.bincount(tokens)
        surprise = -np.log(counts[tokens] / len(tokens))
        ends = np.cumsum(split.lengths)
        sums = np.diff(np.concatenate([[0.0], np.cumsum(surprise)])[np.concatenate([[0], ends])])
        return np.asarray(sums / split.lengths)
