"""Penalties: extra loss terms of single tasks."""

from tasktune.objective.penalties.base import Penalty, PenaltyInput, penalties
from tasktune.objective.penalties.terms import Penalties

__all__ = ["Penalties", "Penalty", "PenaltyInput", "penalties"]
