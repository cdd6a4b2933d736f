"""What the run is, in a few figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tasktune.report.format import count, duration, short_count
from tasktune.report.results import ResultRow
from tasktune.report.run_files import RunFiles


@dataclass(frozen=True)
class Figure:
    """A figure of the headline with what it counts."""

    value: str
    name: str
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """The top of the page.

    :param unfinished: a line that says how far the run has come; empty when it is through.
    """

    title: str
    model: str
    summary: str
    figures: list[Figure]
    unfinished: str


def headline(run: RunFiles, rows: list[ResultRow]) -> Headline:
    """The top of the page, from the configuration and the log's last line."""
    training = run.config.get("training", {})
    planned = int(training.get("steps", 0))
    last = run.steps[-1] if run.steps else None
    done = int(last["step"]) if last else 0
    adapter = run.config.get("adapter", {})
    return Headline(
        title=title(run.folder.resolve()),
        model=str(run.config.get("model", {}).get("base", "")),
        summary=summary(run, adapter),
        figures=[
            *score_figures(rows),
            Figure(count(done), "steps", f"of {planned:,}" if done != planned else ""),
            *time_figures(run, last),
        ],
        unfinished=unfinished(done, planned),
    )


def title(folder: Path) -> str:
    """The run's folder, or the one around it where it is called no more than ``run``."""
    return folder.parent.name if folder.name == "run" else folder.name


def summary(run: RunFiles, adapter: dict[str, Any]) -> str:
    """One line: tasks, layout, mixture, weighting."""
    tasks = len(run.tasks)
    mixture = run.config.get("mixture", {}).get("strategy", "")
    weighting = run.config.get("weighting", {}).get("method", "")
    return (
        f"{tasks} task{'s' if tasks != 1 else ''} · layout {adapter.get('layout', '')}"
        f" · rank {adapter.get('rank', '')} · mixture {mixture} · weighting {weighting}"
    )


def unfinished(done: int, planned: int) -> str:
    """Says how far a run has come that is not through."""
    if done >= planned > 0:
        return ""
    if done == 0:
        return "This run has logged no step yet."
    return f"This run has come to step {done:,} of {planned:,}. Figures are of that moment."


def score_figures(rows: list[ResultRow]) -> list[Figure]:
    """How many tasks got better, where scores from before are there."""
    compared = [row for row in rows if row.primary and row.before]
    if not compared:
        return []
    better = sum(row.improved for row in compared)
    apart = sum(row.verdict == "better" for row in compared)
    note = f"{apart} by more than the 95 % intervals"
    return [Figure(f"{better} of {len(compared)}", "tasks better than before", note)]


def time_figures(run: RunFiles, last: dict[str, Any] | None) -> list[Figure]:
    """Duration, tokens and speed."""
    if last is None:
        return []
    tokens = sum(task.get("tokens") or 0 for task in last["tasks"].values())
    examples = sum(task.get("examples") or 0 for task in last["tasks"].values())
    speeds = [line["tokens_per_second"] for line in run.steps if line.get("tokens_per_second")]
    figures = [
        Figure(duration(elapsed(run.steps)), "of training", "evaluations included"),
        Figure(short_count(tokens), "tokens", f"{short_count(examples)} examples"),
    ]
    if speeds:
        figures.append(
            Figure(short_count(median(speeds)), "tokens a second", "median while training")
        )
    return figures


def elapsed(lines: list[dict[str, Any]]) -> float:
    """Seconds of the whole run: the log's clock begins anew whenever a run is resumed."""
    total = since = 0.0
    for line in lines:
        now = float(line.get("time") or 0.0)
        total += now - since if now >= since else now
        since = now
    return total
