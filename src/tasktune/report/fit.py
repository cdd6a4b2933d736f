"""How each task fits: the monitor's last word on it, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tasktune.report.run_files import RunFiles

WORDS = {
    "too early": "too early to say",
    "learns": "still learns",
    "plateaus": "has levelled off",
    "overfits": "overfits",
    "overconfident": "is surer than it is right",
    "worsens": "gets worse",
    "underfits": "underfits",
    "diverges": "diverges",
    "frozen": "was frozen at its best",
}
ILL = ("overfits", "overconfident", "worsens", "underfits", "diverges")


@dataclass(frozen=True)
class FitRow:
    """What there is to say of a task.

    :param ill: whether something should be done about it.
    :param actions: what the monitor did, step by step.
    """

    task: str
    verdict: str
    ill: bool
    evidence: str
    advice: str
    actions: str


def fit_rows(run: RunFiles) -> list[FitRow]:
    """A row a task, those that fit ill first; none without a look."""
    if not run.looks:
        return []
    last = run.looks[-1]["monitor"]
    rows = [fit_row(name, last[name], run) for name in run.tasks if name in last]
    return sorted(rows, key=lambda row: not row.ill)


def fit_row(task: str, said: dict[str, Any], run: RunFiles) -> FitRow:
    """One row."""
    verdict = str(said["verdict"])
    return FitRow(
        task=task,
        verdict=WORDS.get(verdict, verdict),
        ill=verdict in ILL,
        evidence=str(said["evidence"]),
        advice=str(said["advice"]),
        actions=actions(task, run),
    )


def actions(task: str, run: RunFiles) -> str:
    """The steps after which the monitor cooled or froze the task."""
    done = [(line["step"], line["monitor"].get(task, {}).get("action")) for line in run.looks]
    found = []
    for action in dict.fromkeys(name for _, name in done if name):
        steps = [f"{step:,}" for step, name in done if name == action]
        shown = ", ".join(steps[:4]) + (" and later" if len(steps) > 4 else "")
        found.append(f"{action} after step {shown}")
    return "; ".join(found)


def fit_headline(rows: list[FitRow]) -> str:
    """One sentence on all tasks."""
    ill = [row for row in rows if row.ill]
    if not ill:
        return "No task overfits, underfits or diverges."
    said = ", ".join(f"{row.task} {row.verdict}" for row in ill[:5])
    more = f", and {len(ill) - 5} more" if len(ill) > 5 else ""
    return f"{said}{more}."
