"""Curricula: which of a task's examples may be drawn now."""

from tasktune.sampling.curricula.base import Curriculum, curricula

__all__ = ["Curriculum", "curricula"]
