"""Impartial to every gradient."""

from __future__ import annotations

from torchjd.aggregation import IMTLGWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("imtl_g")
class IMTLG(GramianWeighting):
    """The update with equal projections on every task's unit gradient.

    ``u . g_i / |g_i|`` is the same for all i, ``sum w = 1``. IMTL-G, Liu et al. 2021 (ICLR).
    """

    paper = "ICLR 2021, IMPnRXEWpvr"

    def method(self, step: StepTasks) -> Method:
        return IMTLGWeighting()
