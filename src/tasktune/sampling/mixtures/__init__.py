"""Mixtures: the rate at which each task is drawn."""

from tasktune.sampling.mixtures.base import Mixture, mixtures
from tasktune.sampling.observation import TaskStatistics

__all__ = ["Mixture", "TaskStatistics", "mixtures"]
