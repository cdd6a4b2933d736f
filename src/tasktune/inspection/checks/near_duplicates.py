"""Examples that say nearly the same as one in the same or in an earlier split of their task."""

from __future__ import annotations

from typing import Any

from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem, Severity, examples
from tasktune.inspection.similarity import Pair

SHOWN = 5
NAMED = 1000
SOME = 0.02  # of a split's examples
MANY = 0.1


def near_duplicates(material: Material) -> Finding:
    """How many examples of a split have a near duplicate, by the split that holds it."""
    figures: dict[str, dict[str, Any]] = {}
    problems = []
    for task in material.tasks:
        figures[task.name] = {}
        own = [p for p in material.near_pairs if p.first.texts.task is p.second.texts.task is task]
        for held in task.splits:
            for holder in task.splits:
                found = [
                    pair
                    for pair in own
                    if (pair.second.texts.name, pair.first.texts.name) == (held, holder)
                ]
                if not found:
                    continue
                texts = material.texts(task, held)
                count = len({pair.second.row for pair in found})
                share = count / len(texts)
                figures[task.name][f"{held} in {holder}"] = {
                    "near": count,
                    "share": share,
                    "places": list(dict.fromkeys(pair.second.place for pair in found))[:NAMED],
                    "examples": [described(pair) for pair in found[:SHOWN]],
                }
                if share >= SOME and (held != holder or share >= MANY):
                    problems.append(problem(texts.key, holder, count, share, found[0]))
    return Finding(figures, problems)


def described(pair: Pair) -> dict[str, Any]:
    """A pair as JSON."""
    return {
        "places": [pair.second.place, pair.first.place],
        "similarity": round(pair.similarity, 3),
        "texts": [e.texts.contents[e.row][:200] for e in (pair.second, pair.first)],
    }


def problem(key: str, holder: str, count: int, share: float, first: Pair) -> Problem:
    """Many near duplicates."""
    task, held = first.second.texts.task.name, key.rsplit(".", 1)[1]
    there = "earlier ones" if held == holder else f"those of {holder}"
    such = f"{first.second.place} and {first.first.place}"
    said = f"nearly equal to {there}: {examples(count, share)}, such as {such}"
    mend = (
        f'tasks.{task}.clean: [{{map: "my_rows:keep"}}]  # a function that returns None for the'
        " rows that --json names"
    )
    severity: Severity = "medium" if holder == "train" and held != holder else "low"
    if severity == "medium":
        said += "; the score says little of new texts"
    return Problem(severity, "near_duplicates", key, said, mend, share)
