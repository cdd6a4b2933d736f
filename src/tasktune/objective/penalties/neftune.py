"""Noise on what the model reads."""

from __future__ import annotations

from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties.base import Noise, penalties


@penalties.register("neftune")
class NEFTune(Noise):
    """Adds noise to the embeddings of the task's examples while it trains: NEFTune.

    ``alpha / sqrt(L d) * uniform(-1, 1)`` with L the example's tokens and d the model's width; the
    weight is alpha, 5 to 15 in the paper. Jain et al. 2023, arXiv 2310.05914.
    """

    paper = "arXiv 2310.05914"

    def apply(self, model: TaskModel, task: int, weight: float) -> None:
        model.embedding_noise[task] = weight
