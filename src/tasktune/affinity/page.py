"""Affinities as one self-contained HTML page, in the report's look."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tasktune.affinity.findings import Findings, how_grouped, interval
from tasktune.affinity.measure import MEANING, Affinity, format_value
from tasktune.report.charts.cosine import shade
from tasktune.report.conflict import NUMBERS_UP_TO, Cell
from tasktune.report.document import render_document, write_document
from tasktune.report.format import minus


def write_page(found: Findings, folder: Path) -> None:
    """Writes ``affinity.html``.

    :raises UserError: if it can't be written.
    """
    write_document(render(found, folder), folder / "affinity.html", "--output")


def render(found: Findings, folder: Path) -> str:
    """The page's HTML."""
    affinity = found.affinity
    order = [affinity.tasks.index(task) for group in found.groups for task in group.tasks]
    first = [affinity.tasks.index(group.tasks[0]) for group in found.groups[1:]]
    words = ". ".join(found.in_words())  # of sure pairs, a task's name begins them
    strongest = scale(affinity)
    values = {
        "title": folder.resolve().name,
        "by": affinity.by,
        "meaning": MEANING[affinity.by],
        "symmetric": affinity.symmetric,
        "unit": "millionths" if affinity.by == "lookahead" else "percent",
        "verdict": minus(words if affinity.sure else words[0].upper() + words[1:]) + ".",
        "tasks": [affinity.tasks[k] for k in order],
        "matrix": [[cell(found, i, j, strongest) for j in order] for i in order],
        "divided": [k in first for k in order],
        "span": minus(format_value(affinity.by, strongest)),
        "unknown": found.unknown(),
        "pairs": [
            (
                " and ".join(affinity.tasks[k] for k in pair)
                if affinity.symmetric
                else " for ".join(affinity.tasks[k] for k in pair),
                float(affinity.value[pair]),
                minus(affinity.format(affinity.value[pair])),
                minus(interval(affinity, pair)),
                verdict(affinity, pair),
            )
            for pair in affinity.pairs()
        ],
        "groups": [
            (
                group.file,
                [(t, minus(affinity.format(g))) for t, g in group.gains.items()],
                group.notes,
            )
            for group in found.groups
        ],
        "gain": minus(affinity.format(found.gain)),
        "together": minus(affinity.format(found.together)),
        "most": found.most,
        "shown": bool(affinity.apart()),
        "how": how_grouped(len(order)),
    }
    return render_document("tasktune.affinity", "affinity", values)


def scale(affinity: Affinity) -> float:
    """The size of a value that has the strongest colour: the ninth tenth of all sizes."""
    sizes = [abs(float(affinity.value[pair])) for pair in affinity.pairs()]
    return float(np.quantile(sizes, 0.9)) or 1.0


def cell(found: Findings, i: int, j: int, strongest: float) -> Cell:
    """What task ``i`` does for task ``j``: bold where it is surely apart from 0.

    :param strongest: the size of a value that has the strongest colour.
    """
    affinity = found.affinity
    names = affinity.tasks
    if i == j:
        return Cell("", "", names[i])
    value = float(affinity.value[i, j])
    if not np.isfinite(value):
        return Cell("\N{EN DASH}", "", f"{names[i]} and {names[j]} were never in a step together")
    colour = shade(0.5 * value / strongest)
    text = minus(affinity.format(value)).removesuffix(" %").removesuffix(" ppm")
    text = text if len(names) <= NUMBERS_UP_TO else ""
    title = f"{names[i]} for {names[j]}: {found.figure((i, j))}"
    weight = ";font-weight:650" if (i, j) in affinity.sure else ""
    return Cell(text, f"background:{colour}{weight}", minus(title))


def verdict(affinity: Affinity, pair: tuple[int, int]) -> str:
    """The class of a value's cell: coloured where it is surely apart from 0."""
    if pair not in affinity.sure:
        return "within"
    return "better" if affinity.value[pair] > 0 else "worse"
