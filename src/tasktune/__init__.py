"""Tasktune: fine-tune one language model on many tasks, and keep the tasks from fighting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasktune.run import Run

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def load(path: str | Path, overrides: list[str] | None = None) -> Run:
    """Opens a run: a YAML file that describes one, or the folder that a run has written.

    :param path: a run's YAML file or its output folder.
    :param overrides: ``key=value`` pairs laid over the file, as on the command line.
    :raises UserError: if the file is missing or says something that cannot be run.
    """
    from tasktune.run import Run  # heavy: imports torch

    return Run.open(Path(path), overrides or [])
