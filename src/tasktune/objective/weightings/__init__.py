"""Weightings: how K task losses or gradients become one update."""

from tasktune.objective.weightings.base import StepTasks, Weighting, weightings

__all__ = ["StepTasks", "Weighting", "weightings"]
