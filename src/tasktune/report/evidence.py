"""What stands beside a task's outcome: its fit, its share, and who pulls against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy.special import stdtrit

from tasktune.report.cosines import Pair, PairCosine, pair_cosines
from tasktune.report.fit import FitRow
from tasktune.report.format import cosine
from tasktune.report.progress import TaskRow
from tasktune.report.run_files import RunFiles

LEAST_STEPS = 5  # logged steps of a pair; fewer give no interval worth the name
OFTEN = 5.0  # epochs; more than so many are worth a word
SMALL_SHARE = 0.5  # of what an equal share would be


@dataclass(frozen=True)
class Clash:
    """Two tasks whose gradients pull against each other beyond chance.

    :param cosine: the mean over the logged steps.
    """

    pair: Pair
    cosine: float
    steps: int


def clashes(run: RunFiles) -> list[Clash] | None:
    """The pairs that surely conflict, the worst first; None where no step logged the gradients.

    A pair's mean cosine has to lie below zero by Student's t over the logged steps, one-sided at
    2.5 %, divided by the number of pairs (Bonferroni): of many pairs some look bad by chance.
    """
    lines = [line for line in run.steps if "conflict" in line]
    pairs = {pair: c for pair, c in pair_cosines(lines).items() if c.steps >= LEAST_STEPS}
    if not pairs:
        return None
    found = [
        Clash(pair, cosine.mean, cosine.steps)
        for pair, cosine in pairs.items()
        if highest(cosine, 0.025 / len(pairs)) < 0
    ]
    return sorted(found, key=lambda clash: clash.cosine)


def highest(cosine: PairCosine, risk: float) -> float:
    """The upper end of the mean's interval, which the true mean exceeds with this risk."""
    quantile = float(stdtrit(cosine.steps - 1, 1 - risk))
    return cosine.mean + quantile * math.sqrt(cosine.variance / cosine.steps)


def beside(
    tasks: list[TaskRow], fits: list[FitRow], found: list[Clash] | None
) -> Mapping[str, list[str]]:
    """For each task what stands out, in a few words each; nothing where nothing does."""
    words: dict[str, list[str]] = {row.task: [] for row in tasks}
    for fit in fits:
        if fit.ill:
            words.setdefault(fit.task, []).append(fit.verdict)
    for clash in found or []:
        for one, other in (clash.pair, clash.pair[::-1]):
            said = words.setdefault(one, [])
            if not any(text.startswith(PULLS) for text in said):  # the worst is named first
                said.append(f"{PULLS} {other} (cosine {cosine(clash.cosine)})")
    for row in tasks:
        words[row.task] += draws(row, len(tasks))
    return words


PULLS = "pulls against"


def draws(row: TaskRow, count: int) -> list[str]:
    """How often a task's examples were seen, and whether its share of the draws is small."""
    said = []
    if row.examples == 0:
        return ["was never drawn"]
    if row.epochs < 1:
        said.append(f"drew only {row.epochs:.0%} of an epoch")
    elif row.epochs > OFTEN:
        said.append(f"went {row.epochs:.0f} times through its examples")
    if row.rate < SMALL_SHARE / count:
        said.append(f"had {row.rate_text} of the draws")
    return said
