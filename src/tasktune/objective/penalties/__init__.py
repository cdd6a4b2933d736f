"""Penalties: extra loss terms of single tasks, and noise in their forward passes."""

from tasktune.objective.penalties.base import Noise, Penalty, PenaltyInput, TaskFacts, penalties
from tasktune.objective.penalties.terms import Penalties

__all__ = ["Noise", "Penalties", "Penalty", "PenaltyInput", "TaskFacts", "penalties"]
