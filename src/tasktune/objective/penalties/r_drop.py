"""The same answer under any dropout."""

from __future__ import annotations

from torch import Tensor

from tasktune.objective.penalties.base import TaskFacts, penalties
from tasktune.objective.penalties.kl_to_base import divergence
from tasktune.objective.penalties.predictions import PredictionPenalty, Predictions


@penalties.register("r_drop")
class RDrop(PredictionPenalty):
    """Reads each example twice and draws the two predictions together: R-Drop.

    ``(KL(p_1 || p_2) + KL(p_2 || p_1)) / 4``, a mean over predictions, beside the mean of the two
    losses: half of the paper's objective, with its alpha as the weight. A head that predicts a
    number has ``(y_1 - y_2)^2 / 2`` instead. Wu et al. 2021, arXiv 2106.14448.

    It needs some dropout to act on: ``adapter.dropout``, the penalty ``dropout``, or the base
    model's own.
    """

    paper = "arXiv 2106.14448"
    cost = "twice the task's tokens: each example is read twice"
    reads_twice = True

    @classmethod
    def obstacle(cls, task: TaskFacts) -> str | None:
        return None

    def value(self, predictions: Predictions) -> Tensor:
        again = predictions.again
        first, second = predictions.logits[~again], predictions.logits[again]
        if predictions.logits.shape[1] == 1:
            return (first - second).square().mean() / 2
        return (divergence(first, second) + divergence(second, first)).mean() / 4
