"""Writes a run of K small tasks of four kinds, to see what more tasks cost.

``python benchmarks/many_tasks.py FOLDER K``, then the verbs: inspect, train, evaluate, report.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import yaml

ROWS = 9600  # of all tasks together: half to train on, a quarter each to validate and to test on
SPLITS = {"train": 2, "validation": 1, "test": 1}  # quarters
WORDS = [f"{first}{last}" for first in ("ba", "do", "ki", "lu", "me") for last in "nrst"]
LABELS = ("north", "south", "east", "west")


def write_run(folder: Path, tasks: int, **training: Any) -> Path:
    """Writes data and run file; the rows are ``ROWS`` whatever the number of tasks.

    :param training: the run file's ``training``.
    :returns: the run file.
    """
    generator = random.Random(tasks)
    configs = {
        f"task{number:03}": write_task(folder, number, ROWS // tasks, generator)
        for number in range(tasks)
    }
    run = {
        "output": str(folder / "run"),
        "tasks": configs,
        "mixture": {"strategy": "equal"},
        "training": training,
        "evaluation": {"every": 0, "bootstrap": 100},
    }
    place = folder / "run.yaml"
    place.write_text(yaml.safe_dump(run, sort_keys=False), encoding="utf-8")
    return place


def write_task(folder: Path, number: int, rows: int, generator: random.Random) -> dict[str, Any]:
    """One task's files and its part of the run file; the kinds take turns."""
    task: dict[str, Any] = {}
    for split, quarters in SPLITS.items():
        name = f"task{number:03}_{split}.jsonl"
        lines = [row(number, index, generator) for index in range(rows * quarters // 4)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / name).write_text(text, encoding="utf-8")
        task[split] = {"path": name}
    prompt = {"prompt": f"Task {number}. {{text}}\nAnswer:"}
    return (
        task
        | [
            {"kind": "classification", "target": "{label}"} | prompt,
            {"kind": "classification", "head": True, "target": "{label}"} | prompt,
            {"kind": "regression", "head": True, "range": [0, 1], "target": "{value}"} | prompt,
            {"kind": "generation", "max_new_tokens": 4, "target": "{answer}"} | prompt,
        ][number % 4]
    )


def row(number: int, index: int, generator: random.Random) -> dict[str, Any]:
    """A row with the columns of all kinds; its first word shows what is right."""
    place = index % len(LABELS)  # in turn, so that every label occurs in every split
    first = WORDS[(place - number) % len(LABELS) :: len(LABELS)]
    words = [generator.choice(first), *generator.choices(WORDS, k=generator.randint(5, 17))]
    return {
        "text": " ".join(words),
        "label": LABELS[place],
        "value": place / (len(LABELS) - 1),
        "answer": f"{words[-1]} {words[0]}",
    }


if __name__ == "__main__":
    place, count = Path(sys.argv[1]), int(sys.argv[2])
    place.mkdir(parents=True)
    settings = {"log_every": 5, "checkpoint_every": 20, "precision": "fp32"}
    print(write_run(place, count, steps=40, batch_tokens=4096, **settings))
