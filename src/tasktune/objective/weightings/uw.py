"""Learned uncertainty."""

from __future__ import annotations

from torchjd.scalarization import UW

from tasktune.objective.weightings.base import weightings
from tasktune.objective.weightings.learned_scalarization import LearnedScalarization


@weightings.register("uw")
class UncertaintyWeighting(LearnedScalarization):
    """Learns each task's uncertainty and weighs by its inverse: ``w_k ~ exp(-s_k) / 2``.

    ``s`` descends ``sum_k (exp(-s_k) L_k + s_k) / 2`` by its own Adam, without decay; where it
    rests, ``w_k ~ 1 / L_k``. Uncertainty weighting, Kendall et al. 2018, arXiv 1705.07115.

    :param learning_rate: of ``s``; the larger, the sooner it acts.
    :param preferences: multiplies each task's weight.
    """

    paper = "arXiv 1705.07115"
    scalarizer = UW
    parameter = "log_var"
