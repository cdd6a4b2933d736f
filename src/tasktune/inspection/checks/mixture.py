"""What each task is going to get over the run, and whether it is too little or too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tasktune.config import RunConfig
from tasktune.inspection.problem import Finding, Problem, Severity
from tasktune.training.receipt import Plan

UNEVEN = 10.0  # the largest task against the smallest
OFTEN, RARELY = 10.0, 0.05  # epochs


def mixture(config: RunConfig, plans: Sequence[Plan]) -> Finding:
    """The planned draws of each task, and the sizes that they come from."""
    smallest = min(plans, key=lambda plan: plan.available)
    largest = max(plans, key=lambda plan: plan.available)
    ratio = largest.available / smallest.available
    problems = [problem for plan in plans for problem in epochs(plan, config)]
    if ratio >= UNEVEN:
        problems.append(uneven(config, smallest, largest, ratio))
    figures = {
        "strategy": config.mixture.strategy,
        "steps": config.training.steps,
        "largest_to_smallest": ratio,
        "tasks": [asdict(plan) for plan in plans],
    }
    return Finding(figures, problems)


def epochs(plan: Plan, config: RunConfig) -> list[Problem]:
    """A task that is learnt by heart, or hardly seen."""
    key = f"tasks.{plan.task}.train"
    if plan.epochs == 0:
        said = f"none of its {plan.available:,} examples is drawn"
        mend = "mixture: {strategy: temperature, temperature: 2.0}  # or leave the task out"
        return [Problem("medium", "mixture", key, said, mend, 1.0)]
    if plan.epochs > OFTEN:
        steps = max(round(config.training.steps * OFTEN / plan.epochs), 1)
        said = f"each of its {plan.available:,} examples is drawn {plan.epochs:.1f} times"
        mend = f"training.steps: {steps}  # or a mixture that draws it less"
        severity: Severity = "medium" if plan.epochs > 3 * OFTEN else "low"
        return [Problem(severity, "mixture", key, said, mend)]
    if plan.epochs < RARELY:
        said = f"only {plan.epochs:.1%} of its {plan.available:,} examples are drawn"
        mend = f"training.steps: {round(config.training.steps / plan.epochs)}"
        return [Problem("low", "mixture", key, said, f"{mend}  # one epoch of it")]
    return []


def uneven(config: RunConfig, smallest: Plan, largest: Plan, ratio: float) -> Problem:
    """Tasks of very different sizes."""
    strategy = config.mixture.strategy
    said = (
        f"tasks are uneven: {smallest.available:,} examples in {smallest.task} against"
        f" {largest.available:,} in {largest.task} ({ratio:.0f} times); {strategy} draws them at"
        f" {smallest.rate:.1%} and {largest.rate:.1%}"
    )
    if strategy == "proportional":
        mend = "mixture: {strategy: temperature, temperature: 2.0}"
        return Problem("medium", "mixture", "mixture", said, mend, 1 - 1 / ratio)
    mend = "mixture: {strategy: temperature, temperature: 3.0}  # raises the small ones further"
    return Problem("low", "mixture", "mixture", said, mend, 1 - 1 / ratio)
