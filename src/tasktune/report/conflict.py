"""How the tasks' gradients stand to each other: who pulls against whom, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tasktune.report.charts.cosine import cosine_strip, shade
from tasktune.report.charts.weights import weight_strip
from tasktune.report.cosines import Pair, PairCosine, pair_cosines, pair_series
from tasktune.report.evidence import Clash, clashes
from tasktune.report.format import cosine, significant
from tasktune.report.progress import WeightRow, last_step
from tasktune.report.run_files import RunFiles
from tasktune.report.series import Series, series, thin

PAIRS_SHOWN = 6
NUMBERS_UP_TO = 12
MOST_IN_MATRIX = 40  # tasks; more rows and columns than this fit no page


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix.

    :param text: the cosine, where there is room for it.
    :param style: its colour.
    :param title: both tasks and the cosine.
    """

    text: str
    style: str
    title: str


@dataclass(frozen=True)
class PairRow:
    """A pair of tasks over the run."""

    name: str
    strip: Markup
    mean: str


@dataclass(frozen=True)
class Conflict:
    """What the page says of the conflict.

    :param words: the verdict, a sentence each.
    :param tasks: those in the matrix: of many, those of the pairs that conflict most.
    :param left_out: how many are not in it.
    :param matrix: a row a task, of the mean cosines.
    :param pairs: those that conflict most, over time.
    :param norms: each task's gradient norm over time.
    """

    words: list[str]
    tasks: list[str]
    left_out: int
    matrix: list[list[Cell]]
    pairs: list[PairRow]
    norms: list[WeightRow]


def conflict(run: RunFiles) -> Conflict | None:
    """The section's content; None where no step logged the gradients."""
    lines = [line for line in run.steps if "conflict" in line]
    if not lines:
        return None
    cosines = pair_cosines(lines)
    if not cosines:
        return None
    ranked = sorted(cosines, key=lambda pair: cosines[pair].mean)
    seen = {task for pair in cosines for task in pair}
    tasks = [task for task in run.tasks if task in seen]
    shown = in_matrix(tasks, ranked)
    last = last_step(run)
    return Conflict(
        words=verdict(cosines, ranked, clashes(run) or []),
        tasks=shown,
        left_out=len(tasks) - len(shown),
        matrix=[[cell(row, column, cosines, len(shown)) for column in shown] for row in shown],
        pairs=[
            PairRow(
                f"{first} and {second}",
                cosine_strip(f"{first} and {second}", pair_series(lines, first, second), last),
                cosine(cosines[first, second].mean),
            )
            for first, second in ranked[:PAIRS_SHOWN]
        ],
        norms=norm_rows(lines, tasks, last),
    )


def in_matrix(tasks: list[str], ranked: list[Pair]) -> list[str]:
    """All tasks where they are few; else those of the pairs that conflict most.

    :param ranked: the pairs, the lowest cosine first.
    """
    if len(tasks) <= MOST_IN_MATRIX:
        return tasks
    first = list(dict.fromkeys(task for pair in ranked for task in pair))[:MOST_IN_MATRIX]
    return [task for task in tasks if task in first]


def verdict(cosines: dict[Pair, PairCosine], ranked: list[Pair], sure: list[Clash]) -> list[str]:
    """Which pairs pull apart and which together, in words.

    :param ranked: the pairs, the lowest cosine first.
    :param sure: those that surely conflict.
    """
    worst, best = ranked[0], ranked[-1]
    lowest, steps = cosine(cosines[worst].mean), cosines[worst].steps
    over = f"over {steps:,} logged step{'s' * (steps != 1)}"
    agree = f"{best[0]} and {best[1]} agree most: {cosine(cosines[best].mean)}."
    if not sure:
        return [
            f"None of the {len(ranked):,} pairs is sure to conflict: the lowest mean cosine is"
            f" {lowest}, of {worst[0]} and {worst[1]} {over}.",
            agree,
        ]
    return [
        f"{worst[0]} and {worst[1]} conflict most: mean cosine {lowest} {over}.",
        f"{len(sure):,} of {len(ranked):,} pairs pull against each other beyond chance.",
        agree,
    ]


def cell(row: str, column: str, cosines: dict[Pair, PairCosine], count: int) -> Cell:
    """The cell of two tasks."""
    if row == column:
        return Cell("", "", row)
    found = cosines.get((row, column)) or cosines.get((column, row))
    if found is None:
        return Cell("–", "", f"{row} and {column} were never in a step together")
    value = found.mean
    text = cosine(value) if count <= NUMBERS_UP_TO else ""
    return Cell(text, f"background:{shade(value)}", f"{row} and {column}: {value:+.3f}")


def norm_rows(lines: list[dict[str, Any]], tasks: list[str], last: int) -> list[WeightRow]:
    """Each task's gradient norm over the logged steps, on a scale of powers of ten."""
    logged = [
        (line["step"], dict(zip(line["conflict"]["tasks"], line["conflict"]["norms"], strict=True)))
        for line in lines
    ]
    by_task = {
        task: thin(series((step, found[task]) for step, found in logged if found.get(task)))
        for task in tasks
    }
    values = [value for one in by_task.values() for value in one.values]
    if not values:
        return []
    low, high = math.log10(min(values)), math.log10(max(values))
    span = max(high - low, 1e-9)
    rows = []
    for task, one in by_task.items():
        if one.values:
            shares = [0.08 + 0.92 * (math.log10(value) - low) / span for value in one.values]
            strip = weight_strip(task, Series(one.steps, shares), 1.0, last, one.values)
            rows.append(WeightRow(task, strip, significant(one.values[-1])))
    return rows
