"""What a task's curves say: a verdict, the evidence for it, and the setting that would help."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tasktune.training.monitor.curves import Curves
from tasktune.training.monitor.statistics import Estimate, Stretch

Verdict = Literal[
    "too early",
    "learns",
    "plateaus",
    "overfits",
    "overconfident",
    "worsens",
    "underfits",
    "diverges",
    "frozen",
]

LEARNT = 0.05
"""A task that has lost less than this part of its first loss has learnt almost nothing."""
MATERIAL = 0.02
"""A rise that is a smaller part of the first loss than this is not worth acting on."""
FLAT = 0.01
"""A curve that moves by less than this part of the first loss from look to look is flat."""
STILL = 0.005
"""A loss that surely falls, by more than this part of the first from look to look, still learns."""
ENOUGH = 10
"""Steps that a task has to be in before anything is said of it."""
LOOKS = 3
"""Looks that a slope is taken over."""


@dataclass(frozen=True)
class Diagnosis:
    """What is said of a task at a look.

    :param evidence: the figures that the verdict rests on, in words.
    :param advice: the setting that would help; empty where nothing has to.
    :param validation_slope: of the validation loss over the last looks, per 100 steps.
    :param training_slope: of the training loss over the same steps, per 100 steps.
    :param best_step: after which step the validation loss was least.
    """

    verdict: Verdict
    evidence: str
    advice: str
    best_step: int
    validation_loss: float
    training_loss: float
    validation_slope: Estimate
    training_slope: Estimate

    def to_json(self) -> dict[str, Any]:
        """For the log; what isn't a finite number is null."""
        return {key: plain(value) for key, value in asdict(self).items()}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def diagnose(name: str, curves: Curves, *, frozen: bool = False) -> Diagnosis:
    """The verdict on a task after its latest look.

    :param frozen: whether its own parameters were put back to their best and left there.
    """
    verdict, evidence, advice = at_rest(curves) if frozen else judge(name, curves)
    looks = min(LOOKS, len(curves.steps))
    recent = stretch_of(curves, len(curves.steps) - looks + 1)
    return Diagnosis(
        verdict=verdict,
        evidence=evidence,
        advice=advice,
        best_step=curves.steps[curves.best],
        validation_loss=curves.means[-1],
        training_loss=curves.stretches[-1].mean.value,
        validation_slope=per_100(curves.slope(looks)),
        training_slope=per_100(recent.slope),
    )


def at_rest(curves: Curves) -> tuple[Verdict, str, str]:
    """What there is to say of a frozen task."""
    best, now = curves.best, curves.means[-1]
    evidence = (
        f"it was past its best and rests at step {curves.steps[best]}; its validation loss was"
        f" {curves.means[best]:.3g} then and is {now:.3g} now"
    )
    return "frozen", evidence, ""


def judge(name: str, curves: Curves) -> tuple[Verdict, str, str]:
    """Verdict, evidence and advice."""
    if len(curves.steps) < LOOKS or curves.means[0] == math.inf:
        return "too early", f"{len(curves.steps)} looks so far", ""
    if curves.epochs[-1] == 0:
        return "too early", "it has not been drawn yet", ""
    drawn = stretch_of(curves, 0).count
    if drawn < ENOUGH and curves.means[-1] != math.inf:
        return "too early", f"it was in {drawn} steps so far", ""
    for rule in (diverging, overfitting, overconfident, underfitting, flat):
        found = rule(name, curves)
        if found is not None:
            return found
    return "learns", f"its validation loss {slope_in_words(curves)}", ""


def diverging(name: str, curves: Curves) -> tuple[Verdict, str, str] | None:
    """Losses that aren't numbers, or are above where they began, on both sides."""
    lower = "lower training.learning_rate to a third, or set training.warmup_steps"
    if curves.means[-1] == math.inf or math.isinf(curves.stretches[-1].mean.value):
        return "diverges", f"its loss is no number at step {curves.steps[-1]}", lower
    change = curves.change(0, len(curves.steps) - 1)
    first, last = first_stretch(curves).mean, curves.stretches[-1].mean
    if change.rises and change.value > MATERIAL * curves.means[0] and last.low > first.high:
        evidence = (
            f"its validation loss is {in_words(change)} above its start, and its training loss went"
            f" from {first.value:.3g} to {last.value:.3g}"
        )
        return "diverges", evidence, lower
    return None


def overfitting(name: str, curves: Curves) -> tuple[Verdict, str, str] | None:
    """A validation loss that has risen since its best, while the training loss has not."""
    best, latest = curves.best, len(curves.steps) - 1
    if best == latest:
        return None
    change = curves.change(best, latest)
    if not change.rises or change.value < MATERIAL * curves.means[0]:
        return None
    if curves.gain(best, latest).rises:
        return None
    before, now = around(curves, best).mean, curves.stretches[-1].mean
    if now.low > before.high:  # both rise: that is no learning by heart
        return None
    evidence = (
        f"its validation loss rose by {in_words(change)} since its best at step"
        f" {curves.steps[best]}, while its training loss went from {before.value:.3g} to"
        f" {now.value:.3g}"
    )
    if curves.epochs[latest] < 1:  # what was not seen twice is not known by heart
        since = f"{evidence}, before all its examples were seen once"
        lower = f"lower tasks.{name}.learning_rate or training.learning_rate; the report's cosines"
        return "worsens", since, f"{lower} show whether another task pulls against it"
    epochs = max(curves.epochs[best], 0.1)
    advice = (
        f"set tasks.{name}.max_epochs: {epochs:.1f}, or let the monitor act: monitor.action:"
        f" {{{name}: freeze}}"
    )
    return "overfits", evidence, advice


def overconfident(name: str, curves: Curves) -> tuple[Verdict, str, str] | None:
    """A validation loss that has risen since its least, while more is predicted right."""
    least, latest = curves.least, len(curves.steps) - 1
    change, gain = curves.change(least, latest), curves.gain(least, latest)
    if not change.rises or change.value < MATERIAL * curves.means[0] or not gain.rises:
        return None
    evidence = (
        f"its validation loss rose by {in_words(change)} since step {curves.steps[least]}, though"
        f" the share of right predictions rose by {in_words(gain)}: it is surer than it is right"
    )
    advice = f"add to penalties: {{method: label_smoothing, weight: 0.1, tasks: [{name}]}}"
    return "overconfident", evidence, advice


def underfitting(name: str, curves: Curves) -> tuple[Verdict, str, str] | None:
    """A task that has learnt almost nothing on either side, and is not about to."""
    if still_falls(curves):
        return None
    first, best = curves.means[0], min(curves.means)
    start, now = first_stretch(curves).mean.value, curves.stretches[-1].mean.value
    learnt = (first - best) / max(abs(first), 1e-12)
    trained = (start - now) / max(abs(start), 1e-12)
    if learnt >= LEARNT or trained >= LEARNT:
        return None
    epochs = curves.epochs[-1]
    evidence = (
        f"it has learnt almost nothing: validation loss {first:.3g} at first and {best:.3g} at"
        f" best, after {epochs:.1f} epochs"
    )
    if epochs < 1:
        return "underfits", evidence, "give it a greater rate in mixture, or raise training.steps"
    advice = f"raise tasks.{name}.learning_rate or training.learning_rate, or adapter.rank"
    return "underfits", evidence, advice


def flat(name: str, curves: Curves) -> tuple[Verdict, str, str] | None:
    """Neither curve moves any more."""
    gap = curves.steps[-1] - curves.steps[-2]
    recent = stretch_of(curves, len(curves.steps) - LOOKS + 1).slope
    still = FLAT * curves.means[0] / max(gap, 1)
    slope = curves.slope(LOOKS)
    if still_falls(curves) or abs(slope.value) > still or (recent.falls and -recent.value > still):
        return None
    evidence = f"its validation loss {slope_in_words(curves)}"
    return "plateaus", evidence, "nothing has to be done; if its scores are low, raise adapter.rank"


def still_falls(curves: Curves) -> bool:
    """Whether the validation loss surely falls, and by more than next to nothing."""
    gap = max(curves.steps[-1] - curves.steps[-2], 1)
    slope = curves.slope(LOOKS)
    return slope.falls and -slope.value * gap > STILL * abs(curves.means[0])


def first_stretch(curves: Curves) -> Stretch:
    """The first stretch that has steps of the task."""
    return next((stretch for stretch in curves.stretches if stretch.count), Stretch.empty())


def around(curves: Curves, look: int) -> Stretch:
    """The stretch before a look; before the first one, the one after it."""
    return curves.stretches[look] if curves.stretches[look].count else first_stretch(curves)


def stretch_of(curves: Curves, look: int) -> Stretch:
    """All steps since the look before ``look``."""
    total = Stretch.empty()
    for stretch in curves.stretches[max(look, 0) :]:
        total = total + stretch
    return total


def per_100(slope: Estimate) -> Estimate:
    """A slope per step as one per 100 steps."""
    return Estimate(slope.value * 100, slope.low * 100, slope.high * 100)


def in_words(change: Estimate) -> str:
    """A change with its interval."""
    return f"{change.value:.3g} (95 %: {change.low:.3g} to {change.high:.3g})"


def slope_in_words(curves: Curves) -> str:
    """How the validation loss moved over the last looks."""
    slope = per_100(curves.slope(LOOKS))
    if not np.isfinite(slope.low):
        return f"changes by {slope.value:+.3g} per 100 steps"
    interval = f"{slope.low:+.3g} to {slope.high:+.3g}"
    return f"changes by {slope.value:+.3g} per 100 steps (95 %: {interval})"
