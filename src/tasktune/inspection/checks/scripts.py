"""Which scripts the texts are written in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache

from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem
from tasktune.inspection.texts import Texts

LEAST = 0.001  # of the letters
FOREIGN = 0.2  # of a held-out split's letters, of a script that train doesn't have


def scripts(material: Material) -> Finding:
    """The share of letters of each script, in each split's prompts and targets."""
    figures: dict[str, dict[str, dict[str, float]]] = {task.name: {} for task in material.tasks}
    problems = []
    for texts in material.splits():
        own = figures[texts.task.name]
        own[texts.name] = shares(texts)
        for script, share in own[texts.name].items():
            if share >= FOREIGN and script not in own["train"]:
                said = f"{share:.0%} of the letters are {script}, which train has none of"
                mend = f"{texts.key}: {{path: ..., encoding: utf-8}}  # or another file"
                problems.append(Problem("high", "scripts", texts.key, said, mend, share))
    return Finding(figures, problems)


def shares(texts: Texts) -> dict[str, float]:
    """The share of letters of each script, the most frequent first."""
    letters: Counter[str] = Counter()
    for fields, target in zip(texts.fields, texts.targets, strict=True):
        for text in (*fields, target):
            letters.update(text)
    found: Counter[str] = Counter()
    for letter, count in letters.items():
        if letter.isalpha():
            found[script(letter)] += count
    total = max(found.total(), 1)
    return {name: n / total for name, n in found.most_common() if n / total >= LEAST}


@cache
def script(letter: str) -> str:
    """The first word of a letter's Unicode name: ``latin``, ``cyrillic``, ``cjk``."""
    return unicodedata.name(letter, "unknown").split(" ", 1)[0].split("-", 1)[0].lower()
