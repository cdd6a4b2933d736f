"""Difficulties: how hard an example is, before anything is trained."""

from tasktune.sampling.difficulties.base import Difficulty, difficulties

__all__ = ["Difficulty", "difficulties"]
