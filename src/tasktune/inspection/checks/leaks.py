"""Texts that one task is tested on and another is trained on.

One model learns all tasks, so what it is tested on in one must not be trained on in another.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tasktune.data import Task
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem, Severity, examples
from tasktune.inspection.similarity import SHORTEST
from tasktune.inspection.texts import Texts, folded

SHOWN = 5
SOME = 0.005  # of a split: fewer that are only nearly equal are alike by chance
HELD_OUT = ("validation", "test")


def leaks(material: Material) -> Finding:
    """Examples of each held-out split of which another task's train has a column, word for word.

    Those that are only nearly equal are counted beside them.
    """
    if len(material.tasks) < 2:
        return Finding([])
    trained = {task.name: known_texts(material.texts(task, "train")) for task in material.tasks}
    near = near_rows(material)
    found = []
    for task in material.tasks:
        for split in HELD_OUT:
            if split not in task.splits:
                continue
            held = material.texts(task, split)
            said = [[folded(field) for field in fields] for fields in held.fields]
            for other in material.tasks:
                close = near[other.name, task.name, split]
                if other is not task:
                    found.append(leak(held, said, other, trained[other.name], close))
    figures = [entry for entry in found if entry["equal"] or entry["near"]]
    problems = [problem(entry) for entry in figures if entry["equal"] or entry["share"] >= SOME]
    return Finding(figures, problems)


def known_texts(train: Texts) -> dict[str, int]:
    """Each longer text of a training set, and the row that holds it."""
    known: dict[str, int] = {}
    for row, fields in enumerate(train.fields):
        for field in fields:
            text = folded(field)
            if len(text) >= SHORTEST:
                known.setdefault(text, row)
    return known


def near_rows(material: Material) -> dict[tuple[str, str, str], set[int]]:
    """The rows of a held-out split that another task's train nearly holds."""
    rows: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for pair in material.near_pairs:
        for train, held in ((pair.first, pair.second), (pair.second, pair.first)):
            apart = train.texts.task is not held.texts.task
            if apart and train.texts.name == "train" and held.texts.name in HELD_OUT:
                rows[train.texts.task.name, held.texts.task.name, held.texts.name].add(held.row)
    return rows


def leak(
    held: Texts, said: list[list[str]], other: Task, known: dict[str, int], near: set[int]
) -> dict[str, Any]:
    """What of a held-out split another task trains on.

    :param said: the columns of each of its prompts, folded.
    """
    equal = {}
    for row, texts in enumerate(said):
        for text in texts:
            if text in known:
                equal[row] = (text, known[text])
    return {
        "task": held.task.name,
        "split": held.name,
        "trained_by": other.name,
        "equal": len(equal),
        "near": len(near - equal.keys()),
        "share": len(near | equal.keys()) / len(held),
        "examples": [
            {"place": held.places[row], "row_of_train": place, "text": text[:200]}
            for row, (text, place) in list(equal.items())[:SHOWN]
        ],
    }


def problem(entry: dict[str, Any]) -> Problem:
    """A leak, in words."""
    task, other = entry["task"], entry["trained_by"]
    such = f", such as {entry['examples'][0]['place']}" if entry["examples"] else ""
    many = examples(entry["equal"] + entry["near"], entry["share"])
    said = (
        f"in the training set of tasks.{other}: {many}, {entry['equal']:,} word for word and"
        f" {entry['near']:,} nearly{such}"
    )
    mend = (
        f'tasks.{other}.clean: [{{map: "my_rows:keep"}}]  # a function that returns None for the'
        f" texts of {task}'s {entry['split']}"
    )
    tested = entry["split"] == "test" and entry["equal"] > 0 and entry["share"] >= 0.01
    severity: Severity = "medium" if tested else "low"
    return Problem(severity, "leaks", f"tasks.{task}.{entry['split']}", said, mend, entry["share"])
