"""What was found: who helps whom, and which tasks to train together."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasktune.affinity.groups import EXACT_UP_TO, best_groups, gains, mean_gain
from tasktune.affinity.measure import MEANING, Affinity
from tasktune.comparison.subset import subset
from tasktune.config import RunConfig
from tasktune.config_file import dump_config


@dataclass(frozen=True)
class Group:
    """Tasks to train together.

    :param file: its run file.
    :param gains: what each task is predicted to gain from its mates, in the measure's unit.
    :param notes: what of the run had to change because it is of other tasks.
    """

    file: Path
    gains: dict[str, float]
    notes: list[str]

    @property
    def tasks(self) -> list[str]:
        """Its tasks' names."""
        return list(self.gains)


@dataclass(frozen=True)
class Findings:
    """The matrix, and the groups that it suggests.

    :param most: how many groups there might have been.
    :param gain: the mean over tasks of what the groups are predicted to bring.
    :param together: the same of all tasks in one group.
    """

    affinity: Affinity
    groups: list[Group]
    most: int
    gain: float
    together: float

    def in_words(self) -> list[str]:
        """What is shown, a sentence each."""
        affinity = self.affinity
        pairs, apart = affinity.pairs(), affinity.apart()
        if not apart:
            which = f"none of {len(pairs)} pairs"
            return [f"nothing shown: {which} is surely apart from 0; train all together"]
        words = []
        best, worst = apart[0], apart[-1]
        if affinity.value[best] > 0:
            words.append(f"{self.phrase(best)} the most: {self.figure(best)}")
        if affinity.value[worst] < 0:
            words.append(f"{self.phrase(worst, hurts=True)} the most: {self.figure(worst)}")
        verb = "is" if len(apart) == 1 else "are"
        words.append(f"{len(apart)} of {len(pairs)} pairs {verb} surely apart from 0")
        return words

    def phrase(self, pair: tuple[int, int], hurts: bool = False) -> str:
        """A pair in words: who does what to whom."""
        first, second = (self.affinity.tasks[k] for k in pair)
        if self.affinity.symmetric:
            return f"{first} and {second} {'conflict' if hurts else 'agree'}"
        return f"{first} {'hurts' if hurts else 'helps'} {second}"

    def figure(self, pair: tuple[int, int]) -> str:
        """A pair's value with its interval."""
        affinity = self.affinity
        bounds = interval(affinity, pair)
        return affinity.format(affinity.value[pair]) + (f" ({bounds})" if bounds else "")

    def unknown(self) -> int:
        """How many pairs were never seen together."""
        count = len(self.affinity.tasks)
        every = count * (count - 1) // (2 if self.affinity.symmetric else 1)
        return every - len(self.affinity.pairs())

    def to_json(self) -> dict[str, Any]:
        """As ``affinity.json`` has it; null for what is not known."""
        affinity = self.affinity
        names = affinity.tasks
        return {
            "by": affinity.by,
            "meaning": MEANING[affinity.by],
            "tasks": list(names),
            "pairs": [
                {
                    "of": names[i],
                    "for": names[j],
                    "value": finite(affinity.value[i, j]),
                    "low": finite(affinity.low[i, j]),
                    "high": finite(affinity.high[i, j]),
                    "sure": (i, j) in affinity.sure,
                    "observations": int(affinity.observations[i, j]),
                }
                for i in range(len(names))
                for j in range(len(names))
                if i != j
            ],
            "shown": bool(affinity.apart()),
            "verdict": self.in_words(),
            "groups": [
                {"file": str(group.file), "gains": group.gains, "notes": group.notes}
                for group in self.groups
            ],
            "mean_gain": self.gain,
            "mean_gain_all_together": self.together,
        }


def interval(affinity: Affinity, pair: tuple[int, int]) -> str:
    """A pair's 95 % interval; nothing where there is none."""
    low, high = float(affinity.low[pair]), float(affinity.high[pair])
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{affinity.format(low)} to {affinity.format(high)}"


def finite(value: float) -> float | None:
    """A number as JSON can hold it."""
    return float(value) if math.isfinite(value) else None


def group_tasks(config: RunConfig, affinity: Affinity, most: int, folder: Path) -> Findings:
    """The best groups, each with its run file; all in one where nothing is shown.

    :param most: how many groups there may be.
    """
    known = affinity.known()
    everyone = tuple(range(len(affinity.tasks)))
    chosen = best_groups(known, most) if affinity.apart() else [everyone]
    for old in folder.glob("group-*.yaml"):
        old.unlink()
    groups = []
    for number, members in enumerate(chosen, start=1):
        names = [affinity.tasks[k] for k in members]
        run, notes = subset(config, names)
        run = run.model_copy(update={"output": str(folder / f"group-{number}")})
        file = folder / f"group-{number}.yaml"
        file.write_text(dump_config(run), encoding="utf-8")
        predicted = gains(known, members).tolist()
        groups.append(Group(file, dict(zip(names, predicted, strict=True)), notes))
    return Findings(affinity, groups, most, mean_gain(known, chosen), mean_gain(known, [everyone]))


def how_grouped(count: int) -> str:
    """How sure it is that no other grouping has a larger mean gain."""
    if count <= EXACT_UP_TO:
        return "the best of all partitions"
    return "the best found from a clustering by moving single tasks"


def write_findings(found: Findings, file: Path) -> None:
    """Writes ``affinity.json``."""
    text = json.dumps(found.to_json(), indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
