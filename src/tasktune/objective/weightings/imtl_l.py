"""Learned scales."""

from __future__ import annotations

from torchjd.scalarization import IMTLL

from tasktune.objective.weightings.base import weightings
from tasktune.objective.weightings.learned_scalarization import LearnedScalarization


@weightings.register("imtl_l")
class ImpartialLoss(LearnedScalarization):
    """Learns a scale for each loss so that all scaled losses are alike: ``w_k ~ exp(s_k)``.

    ``s`` descends ``sum_k (exp(s_k) L_k - s_k)`` by its own Adam; where it rests, every scaled loss
    is 1. IMTL-L, Liu et al. 2021 (ICLR).

    :param learning_rate: of ``s``; the larger, the sooner it acts.
    :param preferences: multiplies each task's weight.
    """

    paper = "ICLR 2021, IMPnRXEWpvr"
    scalarizer = IMTLL
    parameter = "log_scale"
