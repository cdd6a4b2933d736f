"""Impartial to every gradient."""

from __future__ import annotations

from torch import Tensor
from torchjd.aggregation import IMTLGWeighting

from tasktune.objective.weightings.base import StepTasks, weightings
from tasktune.objective.weightings.gramian import GramianWeighting, Method


@weightings.register("imtl_g")
class IMTLG(GramianWeighting):
    """The update with equal projections on every task's unit gradient.

    ``u . g_i / |g_i|`` is the same for all i, ``sum w = 1``. Where tasks agree, that sum can be
    negative or close to 0 before it is scaled to 1, and the scaled update would raise every loss:
    its sign is then turned and its size limited. IMTL-G, Liu et al. 2021 (ICLR).
    """

    paper = "ICLR 2021, IMPnRXEWpvr"

    def method(self, step: StepTasks) -> Method:
        return impartial


LARGEST = 10.0


def impartial(gramian: Tensor) -> Tensor:
    """IMTL-G's weights, their sizes' sum at most ``LARGEST``."""
    weights: Tensor = IMTLGWeighting()(gramian)
    rises = float((gramian @ weights).sum()) < 0
    size = max(float(weights.abs().sum()) / LARGEST, 1.0)
    return -weights / size if rises else weights / size
