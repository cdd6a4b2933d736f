"""Affinities and groups as tables."""

from __future__ import annotations

from rich.table import Table

from tasktune.affinity.findings import Findings, interval
from tasktune.affinity.measure import MEANING

PAIRS_SHOWN = 10


def affinity_table(found: Findings) -> Table:
    """The pairs that help each other the most and the least, with their intervals."""
    affinity = found.affinity
    pairs = affinity.pairs()
    half = PAIRS_SHOWN // 2
    shown = pairs if len(pairs) <= PAIRS_SHOWN else [*pairs[:half], *pairs[-half:]]
    several = f", {half} best and {half} worst of {len(pairs)} pairs" * (len(shown) < len(pairs))
    table = Table(
        title=f"Affinity by {affinity.by}{several}; 95 % intervals",
        caption=f"{affinity.by}: {MEANING[affinity.by]}",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("task" if affinity.symmetric else "of", overflow="fold")
    table.add_column("and" if affinity.symmetric else "for", overflow="fold")
    table.add_column("affinity", justify="right", no_wrap=True)
    table.add_column("interval", justify="right")
    for pair in shown:
        first, second = (affinity.tasks[k] for k in pair)
        style = "bold" if pair in affinity.sure else None
        value = affinity.format(affinity.value[pair])
        table.add_row(first, second, value, interval(affinity, pair), style=style)
    return table


def group_table(found: Findings) -> Table:
    """Each group with what its tasks are predicted to gain."""
    affinity = found.affinity
    table = Table(
        title=f"Train together, at most {found.most} groups: mean {affinity.format(found.gain)}"
        f" a task, all in one {affinity.format(found.together)}",
        title_justify="left",
    )
    table.add_column("group", justify="right")
    table.add_column("task", overflow="fold")
    table.add_column("predicted from its mates", justify="right")
    for number, group in enumerate(found.groups, start=1):
        for place, (task, gain) in enumerate(group.gains.items()):
            text = affinity.format(gain) if len(group.gains) > 1 else "alone"
            last = place + 1 == len(group.gains)
            table.add_row("" if place else str(number), task, text, end_section=last)
    return table
