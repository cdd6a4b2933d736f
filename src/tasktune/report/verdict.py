"""The run in a few sentences: what gained, what lost, what stands beside it, what to try.

No sentence says more than the files do: a difference within its interval is "no difference
shown", and what stands beside a loss is not called its cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tasktune.report.evidence import Clash, beside, clashes
from tasktune.report.fit import FitRow, fit_headline
from tasktune.report.outcome import Outcome, Result, outcomes
from tasktune.report.progress import TaskRow
from tasktune.report.results import ResultRow
from tasktune.report.run_files import RunFiles

ROWS = 12
NAMED = 3
ORDER: tuple[Result, ...] = ("lost", "no difference shown", "gained", "not compared")


@dataclass(frozen=True)
class VerdictRow:
    """A task in the verdict's table.

    :param words: what stands beside it.
    """

    outcome: Outcome
    words: str


@dataclass(frozen=True)
class Verdict:
    """The top of the page.

    :param against: ``twins``, ``before``, or empty where there is nothing to compare with.
    :param more: how many tasks the table leaves to the results.
    """

    sentences: list[str]
    advice: list[str]
    against: str
    rows: list[VerdictRow]
    more: int


def verdict(
    run: RunFiles, results: list[ResultRow], fits: list[FitRow], tasks: list[TaskRow]
) -> Verdict:
    """The verdict; the worst tasks stand first in its table."""
    against, found = outcomes(run, results)
    pulls = clashes(run)
    words = beside(tasks, fits, pulls)
    ranked = sorted(found, key=lambda one: (ORDER.index(one.result), -len(words.get(one.task, []))))
    rows = [VerdictRow(one, ", ".join(words.get(one.task, [])) or "–") for one in ranked]
    sentences = [
        *outcome_sentences(run, against, found, words),
        *([conflict_sentence(pulls)] if pulls is not None else []),
        *([fit_headline(fits)] if fits else []),
    ]
    advice = [
        *fit_advice(fits, found),
        *(conflict_advice(run, pulls[0]) if pulls else []),
        *step_advice(run, tasks),
    ]
    return Verdict(sentences, advice, against, rows[:ROWS], len(rows[ROWS:]))


def outcome_sentences(
    run: RunFiles, against: str, found: list[Outcome], words: Mapping[str, list[str]]
) -> list[str]:
    """How many gained and lost, and the most marked of them."""
    if not found:
        return ["There are no scores yet."]
    if not against:
        return [
            "There are no scores from before training and none of single-task twins, so these"
            " files do not say what training gained."
        ]
    by_result = {result: [one for one in found if one.result == result] for result in ORDER}
    gained, lost = by_result["gained"], by_result["lost"]
    count = len(found) - len(by_result["not compared"])
    other = by_result["no difference shown"]
    sentences = [
        f"{opening(run, against)}, {len(gained)} of {count} task{'s' * (count != 1)} gained,"
        f" {len(lost)} lost, and {len(other)} show{'s' * (len(other) == 1)} no difference."
    ]
    if gained:
        best = max(gained, key=lambda one: one.size)
        sentences.append(f"Most gained by {best.task}: {in_figures(best)}.")
    if lost:
        worst = sorted(lost, key=lambda one: -one.size)
        said = "; ".join(loss_in_words(one, words) for one in worst[:NAMED])
        rest = f"; and {len(worst) - NAMED} more" if len(worst) > NAMED else ""
        sentences.append(f"Lost: {said}{rest}.")
    return sentences


def opening(run: RunFiles, against: str) -> str:
    """What the scores are compared with."""
    if against == "before":
        return "Against the scores before training"
    equal = str((run.comparison or {}).get("twins", ""))
    budget = {"steps": " of as many steps", "examples": " that saw as many of the task's examples"}
    return f"Against single-task twins{budget.get(equal, '')}"


def in_figures(one: Outcome) -> str:
    """``accuracy 0.712 instead of 0.655``."""
    return f"{one.metric} {one.value} instead of {one.reference}"


def loss_in_words(one: Outcome, words: Mapping[str, list[str]]) -> str:
    """A loss with what stands beside it."""
    found = words.get(one.task)
    return f"{one.task}, {in_figures(one)}" + (f" (it {', '.join(found)})" if found else "")


def conflict_sentence(found: list[Clash]) -> str:
    """Which pair pulls apart the most, if any does beyond chance."""
    if not found:
        return "No two tasks' gradients pull against each other beyond chance."
    (first, second), others = found[0].pair, len(found) - 1
    more = f", and {others} more pair{'s' * (others != 1)} beyond chance" if others else ""
    return (
        f"{first} and {second} pull against each other: mean cosine {found[0].cosine:+.2f}{more}."
    )


def fit_advice(fits: list[FitRow], found: list[Outcome]) -> list[str]:
    """What the monitor would do about the tasks that fit ill, those that lost first."""
    lost = {one.task for one in found if one.result == "lost"}
    ill = [row for row in fits if row.ill and row.advice]
    return [
        f"{row.task} {row.verdict}: {row.advice}."
        for row in sorted(ill, key=lambda row: row.task not in lost)[:NAMED]
    ]


def conflict_advice(run: RunFiles, clash: Clash) -> list[str]:
    """Room for the tasks that pull apart first, then a weighting that looks at gradients."""
    layout = run.config.get("adapter", {}).get("layout")
    method = run.config.get("weighting", {}).get("method")
    pair = f"{clash.pair[0]} and {clash.pair[1]} conflict"
    if layout == "shared":
        return [f"{pair}: adapter.layout: shared_private gives each task parameters of its own."]
    if method in ("equal", "fixed", "pooled"):
        return [f"{pair}: weighting: {{method: upgrad}} takes no step against either."]
    return []


def step_advice(run: RunFiles, tasks: list[TaskRow]) -> list[str]:
    """More steps, where most tasks saw less than all their examples."""
    short = [row for row in tasks if 0 < row.epochs < 1]
    if not run.steps or 2 * len(short) <= len(tasks):
        return []
    done = int(run.steps[-1]["step"])
    middle = sorted(row.epochs for row in short)[len(short) // 2]
    needed = math.ceil(done / middle)
    return [
        f"{len(short)} of {len(tasks)} tasks saw less than one epoch: at this mixture about"
        f" {needed:,} training.steps would take the middle one of them through its examples once."
    ]
