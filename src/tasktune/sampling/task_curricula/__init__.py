"""Curricula over tasks: which tasks are drawn now, and how much of each."""

from tasktune.sampling.task_curricula.base import TaskCurriculum, task_curricula

__all__ = ["TaskCurriculum", "task_curricula"]
