"""Data: from files of any shape to tokenised examples of tasks."""

from tasktune.data.preparation import cleaned_rows
from tasktune.data.prepare import fingerprints, prepare
from tasktune.data.questions import Question, Questions
from tasktune.data.sources import Row
from tasktune.data.split import Example, Split
from tasktune.data.task import Task

__all__ = [
    "Example",
    "Question",
    "Questions",
    "Row",
    "Split",
    "Task",
    "cleaned_rows",
    "fingerprints",
    "prepare",
]
