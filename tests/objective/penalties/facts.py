"""Facts of a task, for tests."""

from __future__ import annotations

from typing import Any

from tasktune.model.layouts import layouts
from tasktune.objective.penalties import TaskFacts


def facts(layout: str = "shared_private", **changes: Any) -> TaskFacts:
    """A classification of 20 examples, with what a test changes."""
    known: dict[str, Any] = {
        "name": "t",
        "index": 0,
        "kind": "classification",
        "head": False,
        "labels": ("a", "b"),
        "class_counts": (12, 8),
        "examples": 20,
        "aligned": False,
    }
    context = {"tasks": 2, "rank": 4, "alpha": 8.0}
    return TaskFacts(**{**known, **changes}, layout=layouts.build(layout, {}, "adapter", context))
