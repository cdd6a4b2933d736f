"""Parts of Tasktune for a training loop of ``transformers.Trainer``'s.

A collator that sorts a batch by task, a callback that watches each task, and one that weighs them.
"""

from tasktune.integrations.collator import TaskCollator
from tasktune.integrations.monitor import TaskMonitor
from tasktune.integrations.weighting import TaskWeighting

__all__ = ["TaskCollator", "TaskMonitor", "TaskWeighting"]
