"""How the tasks' gradients stand to each other: who pulls against whom, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from markupsafe import Markup

from tasktune.report.charts.cosine import cosine_strip, shade
from tasktune.report.charts.weights import weight_strip
from tasktune.report.format import significant
from tasktune.report.progress import WeightRow, last_step
from tasktune.report.run_files import RunFiles
from tasktune.report.series import Series, finite, thin

PAIRS_SHOWN = 6
NUMBERS_UP_TO = 12
Pair = tuple[str, str]


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
    :param matrix: a row a task, of the mean cosines.
    :param pairs: those that conflict most, over time.
    :param norms: each task's gradient norm over time.
    """

    words: list[str]
    tasks: list[str]
    matrix: list[list[Cell]]
    pairs: list[PairRow]
    norms: list[WeightRow]


def conflict(run: RunFiles) -> Conflict | None:
    """The section's content; None where no step logged the gradients."""
    lines = [line for line in run.steps if "conflict" in line]
    if not lines:
        return None
    cosines = pair_series(lines)
    means = {pair: sum(s.values) / len(s.values) for pair, s in cosines.items() if s.values}
    seen = {task for pair in means for task in pair}
    tasks = [task for task in run.tasks if task in seen]
    if not tasks:
        return None
    last = last_step(run)
    worst = sorted(means, key=lambda pair: means[pair])[:PAIRS_SHOWN]
    return Conflict(
        words=verdict(means, cosines),
        tasks=tasks,
        matrix=[[cell(row, column, means, len(tasks)) for column in tasks] for row in tasks],
        pairs=[
            PairRow(
                f"{first} and {second}",
                cosine_strip(f"{first} and {second}", thin(cosines[first, second]), last),
                f"{means[first, second]:+.2f}",
            )
            for first, second in worst
        ],
        norms=norm_rows(lines, tasks, last),
    )


def pair_series(lines: list[dict[str, Any]]) -> dict[Pair, Series]:
    """Each pair's cosine over the logged steps that both tasks were in."""
    steps: dict[Pair, list[int]] = {}
    values: dict[Pair, list[float]] = {}
    for line in lines:
        names, cosines = line["conflict"]["tasks"], line["conflict"]["cosines"]
        for i, j in combinations(range(len(names)), 2):
            value = finite(cosines[i][j])
            if value is not None:
                steps.setdefault((names[i], names[j]), []).append(line["step"])
                values.setdefault((names[i], names[j]), []).append(value)
    return {pair: Series(steps[pair], values[pair]) for pair in steps}


def verdict(means: dict[Pair, float], series: dict[Pair, Series]) -> list[str]:
    """Which pairs pull apart and which together, in words."""
    ranked = sorted(means, key=lambda pair: means[pair])
    against = [pair for pair in ranked if means[pair] < 0]
    words = []
    if against:
        first, second = against[0]
        words.append(
            f"{first} and {second} conflict most: mean cosine {means[against[0]]:+.2f} over"
            f" {len(series[against[0]].steps):,} logged steps."
        )
        words.append(
            f"{len(against):,} of {len(ranked):,} pairs pull against each other in the mean."
        )
    else:
        words.append(f"No pair of the {len(ranked):,} pulls against each other in the mean.")
    first, second = ranked[-1]
    words.append(f"{first} and {second} agree most: {means[ranked[-1]]:+.2f}.")
    return words


def cell(row: str, column: str, means: dict[Pair, float], count: int) -> Cell:
    """The cell of two tasks."""
    if row == column:
        return Cell("", "", row)
    value = means.get((row, column), means.get((column, row)))
    if value is None:
        return Cell("–", "", f"{row} and {column} were never in a step together")
    text = f"{value:+.2f}" if count <= NUMBERS_UP_TO else ""
    return Cell(text, f"background:{shade(value)}", f"{row} and {column}: {value:+.3f}")


def norm_rows(lines: list[dict[str, Any]], tasks: list[str], last: int) -> list[WeightRow]:
    """Each task's gradient norm over the logged steps, on a scale of powers of ten."""
    series = {}
    for task in tasks:
        found = [
            (line["step"], finite(norm))
            for line in lines
            for name, norm in zip(line["conflict"]["tasks"], line["conflict"]["norms"], strict=True)
            if name == task
        ]
        kept = [(step, norm) for step, norm in found if norm is not None and norm > 0]
        series[task] = thin(Series([step for step, _ in kept], [norm for _, norm in kept]))
    values = [value for one in series.values() for value in one.values]
    if not values:
        return []
    low, high = math.log10(min(values)), math.log10(max(values))
    span = max(high - low, 1e-9)
    rows = []
    for task, one in series.items():
        if one.values:
            shares = [0.08 + 0.92 * (math.log10(value) - low) / span for value in one.values]
            strip = weight_strip(task, Series(one.steps, shares), 1.0, last, one.values)
            rows.append(WeightRow(task, strip, significant(one.values[-1])))
    return rows
