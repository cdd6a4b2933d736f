"""What more tasks cost from data to report: K small tasks of four kinds, with the same rows in all.

``tasktune train``, ``evaluate`` and ``report`` run as processes on the built-in model for K = 8, 64
and 200 tasks, with ``shared_private`` adapters. Times and the peak of memory are relative to K = 8;
they hold the start of a process, the adapters that are written for each task, and its metrics with
intervals. ``benchmarks/scaling.py`` has the step alone, from one task on.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

SPLITS = {"train": 2, "validation": 1, "test": 1}  # quarters
WORDS = [f"{first}{last}" for first in ("ba", "do", "ki", "lu", "me") for last in "nrst"]
LABELS = ("north", "south", "east", "west")


def write_run(folder: Path, tasks: int, rows: int, **training: Any) -> Path:
    """Writes data and run file.

    :param rows: of all tasks together: half to train on, a quarter each to validate and to test on.
    :param training: the run file's ``training``.
    :returns: the run file.
    """
    generator = random.Random(tasks)
    configs = {
        f"task{number:03}": write_task(folder, number, rows // tasks, generator)
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


def measure(tasks: int, rows: int, steps: int) -> dict[str, float]:
    """Seconds of each verb, train's peak of memory in bytes, and the report's size in KiB."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"batch_tokens": 4096, "log_every": 5, "checkpoint_every": steps}
        file = write_run(Path(folder), tasks, rows, steps=steps, **settings)
        run = Path(folder, "run")
        found = {
            "train": seconds("train", str(file)),
            "evaluate": seconds("evaluate", str(run)),
            "report": seconds("report", str(run)),
        }
        cost = json.loads((run / "cost.json").read_text(encoding="utf-8"))
        found["peak_memory"] = cost["peak_memory"]
        found["report_kib"] = (run / "report.html").stat().st_size / 1024
    return found


def seconds(verb: str, *arguments: str) -> float:
    """How long a verb takes, its process included."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "tasktune", verb, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and steps")
    arguments = parser.parse_args()
    counts, rows, steps = ((8, 200), 2400, 5) if arguments.quick else ((8, 64, 200), 9600, 40)
    measured = {tasks: measure(tasks, rows, steps) for tasks in counts}
    first = measured[counts[0]]
    figures: dict[str, float] = {}
    for tasks in counts[1:]:
        for name in ("train", "evaluate", "report", "peak_memory"):
            figures[f"{name}_ratio_k{tasks}"] = round(measured[tasks][name] / first[name], 3)
    for tasks in counts:
        figures[f"report_kib_k{tasks}"] = round(measured[tasks]["report_kib"])
    for name, value in figures.items():
        print(f"{name:26} {value}")
    setting = {"rows": rows, "steps": steps, "batch_tokens": 4096}
    print(json.dumps({"benchmark": "many_tasks", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
