"""Draws what ``quality.py`` found last: each task against its twin, in the pile and here.

Reads ``benchmarks/results.jsonl`` and writes ``docs/pictures/quality.svg``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from quality import TASKS

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "pictures" / "quality.svg"
INK, PALE, PILE, OURS = "#222222", "#dddddd", "#999999", "#0072b2"
LEFT, RIGHT, TOP, ROW, WIDTH = 150, 40, 54, 26, 760
CHANGE = re.compile(r"\((.+) %\)")


def changes(row: Mapping[str, str]) -> dict[str, float]:
    """Each task's change against its twin in percent; without those that are in points."""
    found = {task: CHANGE.search(row[task]) for task in TASKS}
    return {task: float(one[1].replace("−", "-")) for task, one in found.items() if one}


def picture(pile: Mapping[str, float], ours: Mapping[str, float], means: tuple[str, str]) -> str:
    """The picture: a row a task, the twins at zero.

    :param means: delta-m of both, as the table has them.
    """
    values = [*pile.values(), *ours.values(), 0.0]
    low, high = min(values) - 1, max(values) + 1

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - low) / (high - low)

    bottom = TOP + ROW * len(pile)
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (high - low) / step <= 8)
    ticks = [tick for tick in range(-100, 101, step) if low <= tick <= high]
    shapes = [
        f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{TOP - 8}" y2="{bottom}"'
        f' stroke="{INK if tick == 0 else PALE}"/>'
        f'<text x="{x(tick):.1f}" y="{bottom + 16}" text-anchor="middle" fill="#555555">'
        f"{tick:+d} %</text>".replace("+0 %", "its twin")
        for tick in ticks
    ]
    for index, task in enumerate(sorted(ours, key=lambda name: -ours[name])):
        y = TOP + ROW * index + ROW / 2
        ends = sorted((x(pile[task]), x(ours[task])))
        shapes += [
            f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end" fill="{INK}">{task}</text>',
            f'<line x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y}" y2="{y}" stroke="{PALE}"'
            ' stroke-width="3"/>',
            f'<circle cx="{x(pile[task]):.1f}" cy="{y}" r="5" fill="{PILE}"/>',
            f'<circle cx="{x(ours[task]):.1f}" cy="{y}" r="6" fill="{OURS}"/>',
        ]
    legend = [
        f'<circle cx="{LEFT}" cy="20" r="6" fill="{OURS}"/>'
        f'<text x="{LEFT + 12}" y="24" fill="{INK}">tasktune: mean {means[1]}</text>',
        f'<circle cx="{LEFT + 260}" cy="20" r="5" fill="{PILE}"/>'
        f'<text x="{LEFT + 272}" y="24" fill="{INK}">one pile, plain LoRA: mean {means[0]}</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 28}"'
        f' width="{WIDTH}" height="{bottom + 28}" font-family="sans-serif" font-size="13">'
        f'<rect width="{WIDTH}" height="{bottom + 28}" fill="#ffffff"/>'
        f"{''.join([*legend, *shapes])}</svg>\n"
    )


def main() -> None:
    lines = (HERE / "results.jsonl").read_text(encoding="utf-8").splitlines()
    (found,) = [one for one in map(json.loads, lines) if one["benchmark"] == "quality"]
    pile, ours = [row for row in found["table"] if row["base"] == "encoder"][:2]
    drawn = picture(changes(pile), changes(ours), (pile["delta_m"], ours["delta_m"]))
    PICTURE.write_text(drawn, encoding="utf-8")
    print(PICTURE)


if __name__ == "__main__":
    main()
