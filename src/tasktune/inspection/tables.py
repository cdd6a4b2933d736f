"""An inspection on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tasktune.inspection.inspect import Inspection
from tasktune.report.format import duration, significant

LOOK: dict[str, Any] = {"box": SIMPLE_HEAD, "show_edge": False, "padding": (0, 1, 0, 0)}
COLOURS = {"high": "bold red", "medium": "yellow", "low": "dim"}


def tables(inspection: Inspection) -> Iterator[Table | Text | Padding]:
    """Everything but samples and single rows, which ``--json`` and the page have."""
    yield splits(inspection.figures)
    yield planned(inspection.figures["mixture"])
    if inspection.figures["cost"] is not None:
        yield Text(cost_line(inspection.figures["cost"]) + "\n")
    yield from problems(inspection)


def splits(figures: Mapping[str, Any]) -> Table:
    """A row for each split of each task; columns that would be empty are left out."""
    rows = [
        ["" if number else task, split, *cells(figures, task, split)]
        for task, found in figures["rows"].items()
        for number, split in enumerate(found)
    ]
    table = Table(title="Data", title_justify="left", **LOOK)
    shown = [column for column in range(len(HEADINGS)) if any(row[column] for row in rows)]
    for column in shown:
        right = column > 1
        table.add_column(
            HEADINGS[column],
            justify="right" if right else "left",
            no_wrap=column > 0,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(row[column] for column in shown))
    table.caption = "prompt and target: tokens, the median and what 99 of 100 stay under"
    table.caption_justify = "left"
    return table


HEADINGS = (
    "task", "split", "examples", "dropped", "cut", "prompt", "target", "repeated", "in train",
)  # fmt: skip


def cells(figures: Mapping[str, Any], task: str, split: str) -> list[str]:
    """The figures of one split."""
    rows, lengths = figures["rows"][task][split], figures["lengths"][task][split]
    duplicates = figures["duplicates"][task]
    shared = duplicates["across"].get(f"{split} in train", {})
    return [
        f"{rows['examples']:,}",
        blank(rows["dropped"]),
        blank(lengths["prompts_cut"] + lengths["targets_cut"]),
        tokens(lengths["prompt"]),
        tokens(lengths["target"]),
        blank(duplicates["within"][split]["repeated"]),
        blank(shared.get("shared", 0)),
    ]


def blank(count: int) -> str:
    """A count, where there is something to count."""
    return f"{count:,}" if count else ""


def tokens(quantiles: Mapping[str, int]) -> str:
    """Two of a length's quantiles."""
    return f"{quantiles['median']:,}/{quantiles['p99']:,}"


def planned(mixture: Mapping[str, Any]) -> Table:
    """What each task is going to get."""
    title = f"Mixture: {mixture['strategy']}, {mixture['steps']:,} steps"
    table = Table(title=title, title_justify="left", **LOOK)
    table.add_column("task", overflow="fold")
    for heading in ("available", "rate", "examples", "tokens", "epochs"):
        table.add_column(heading, justify="right")
    for plan in mixture["tasks"]:
        table.add_row(
            plan["task"],
            f"{plan['available']:,}",
            f"{plan['rate']:.1%}",
            f"{plan['examples']:,}",
            f"{plan['tokens']:,}",
            f"{plan['epochs']:.2f}",
        )
    return table


def cost_line(cost: Mapping[str, Any]) -> str:
    """Memory and time in a line."""
    memory = cost["memory"]
    parts = ", ".join(f"{name.replace('_', ' ')} {mib(memory[name])}" for name in PARTS)
    return (
        f"A step takes {significant(cost['seconds_per_step'])} s here, timed over"
        f" {cost['timed_steps']} of the run's own ({cost['device']}, threads: {cost['threads']}):"
        f" all of them about {duration(cost['seconds_in_all'])}, evaluation aside. Memory: about"
        f" {mib(memory['total'])} ({parts})."
    )


PARTS = ("parameters", "gradients", "optimizer", "task_gradients", "activations", "working")


def mib(count: float) -> str:
    """Bytes in MiB, or GiB where there are many."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def problems(inspection: Inspection) -> Iterator[Text | Padding]:
    """The problems, the worst first."""
    if not inspection.problems:
        yield Text("No problems found.", style="green")
        return
    count = len(inspection.problems)
    yield Text(f"{count} problem{'s' if count > 1 else ''}, the worst first", style="italic")
    for problem in inspection.problems:
        yield Text(f"{problem.severity} ", style=COLOURS[problem.severity]).append(
            problem.place, style="not dim bold"
        )
        yield Padding(Text(problem.message), (0, 0, 0, 4))
        yield Padding(Text(problem.mend, style="cyan"), (0, 0, 0, 4))
