"""Plain lines stay short however many tasks there are, and the monitor's news leave none out."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tasktune.training.progress import Progress

VERDICTS = ("learns", "plateaus", "underfits")


@pytest.mark.parametrize("tasks", [1, 3, 24, 25, 200])
def test_news_count_every_task_once(tasks: int) -> None:
    out = io.StringIO()
    found = {
        f"task{k}": {"verdict": VERDICTS[k % 3], "action": "", "evidence": f"evidence {k}"}
        for k in range(tasks)
    }
    progress = Progress(Console(file=out), steps=10)
    progress.show({"step": 5, "monitor": found})
    lines = out.getvalue().splitlines()
    if tasks <= 24:
        assert len(lines) == tasks
        assert all(any(f"evidence {k}" in line for line in lines) for k in range(tasks))
    else:
        counted = [int(line.split(" tasks:")[0].split()[-1]) for line in lines]
        assert sum(counted) == tasks
        assert len(lines) == len(VERDICTS)
    progress.show({"step": 6, "monitor": found})  # nothing new
    assert out.getvalue().splitlines() == lines


@pytest.mark.parametrize("tasks", [2, 200])
def test_a_plain_line_has_the_first_tasks_and_counts_the_rest(tasks: int) -> None:
    out = io.StringIO()
    losses = {f"task{k}": {"loss": float(k)} for k in range(tasks)}
    line = {"step": 5, "loss": 1.0, "tokens_per_second": 10.0, "tasks": losses}
    Progress(Console(file=out, width=80), steps=10).show(line)
    (said,) = out.getvalue().splitlines()
    named = said.count("task")
    rest = int(said.split("  and ")[1].split()[0]) if "  and " in said else 0
    assert named + rest == tasks
    assert len(said) < 600
