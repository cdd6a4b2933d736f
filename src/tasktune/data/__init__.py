"""Data: from files of any shape to tokenised examples of tasks."""

from tasktune.data.preparation import cleaned_rows
from tasktune.data.prepare import fingerprints, prepare, render_prompts
from tasktune.data.sources import Row, read_rows
from tasktune.data.split import Example, Split
from tasktune.data.task import Task

__all__ = [
    "Example",
    "Row",
    "Split",
    "Task",
    "cleaned_rows",
    "fingerprints",
    "prepare",
    "read_rows",
    "render_prompts",
]
