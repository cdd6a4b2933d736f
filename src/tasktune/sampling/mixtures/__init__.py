"""Mixtures: the rate at which each task is drawn."""

from tasktune.sampling.mixtures.base import Mixture, TaskStatistics, mixtures

__all__ = ["Mixture", "TaskStatistics", "mixtures"]
