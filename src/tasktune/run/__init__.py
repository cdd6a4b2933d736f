"""A run: one YAML, one folder of results."""

from tasktune.run.parts import CONFIG, Say
from tasktune.run.run import Run

__all__ = ["CONFIG", "Run", "Say"]
