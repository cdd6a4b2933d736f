"""Verdicts on curves of known shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tasktune.training.monitor.curves import Curves
from tasktune.training.monitor.diagnosis import diagnose

LOOKS, GAP = 9, 20
Shape = Callable[[float], float]


def curves(
    validation: Shape,
    training: Shape,
    hits: Shape = lambda x: 0.5,
    *,
    seed: int = 0,
    n: int = 50,
    epochs: float = 3,
    gap: int = GAP,
) -> Curves:
    """Curves over a run from 0 to 1: examples differ, and training losses are noisy."""
    generator = np.random.default_rng(seed)
    level = generator.normal(0, 0.3, n)
    drawn = generator.random(n)
    found = Curves()
    for look in range(LOOKS):
        x = look / (LOOKS - 1)
        for step in range((look - 1) * gap, look * gap) if look else ():
            at = step / (gap * (LOOKS - 1))
            found.current.add(step, training(at) + float(generator.normal(0, 0.02)))
        losses = validation(x) + level + generator.normal(0, 0.02, n)
        found.look(look * gap, losses, (drawn < hits(x)).astype(float), epochs=epochs * x)
    return found


def falling(x: float) -> float:
    return 2 * float(np.exp(-x))


def quickly(x: float) -> float:
    return 0.2 + 1.8 * float(np.exp(-12 * x))


def falls_then_rises(x: float) -> float:
    return 1 + 3 * (x - 0.4) ** 2


SHAPES: dict[str, tuple[Any, ...]] = {
    "learns": (falling, falling),
    "plateaus": (quickly, quickly),
    "overfits": (falls_then_rises, falling),
    "overconfident": (falls_then_rises, falling, lambda x: 0.3 + 0.6 * x),
    "underfits": (lambda x: 2 - 0.02 * x, lambda x: 2 - 0.02 * x),
    "diverges": (lambda x: 2 + x, lambda x: 2 + x),
}


@pytest.mark.parametrize("verdict", SHAPES)
@pytest.mark.parametrize("seed", range(5))
def test_known_shapes(verdict: str, seed: int) -> None:
    found = diagnose("t", curves(*SHAPES[verdict], seed=seed))
    assert found.verdict == verdict, found
    assert found.evidence
    assert bool(found.advice) == (verdict != "learns")


def test_never_better_than_at_first_is_overfitting_too() -> None:
    found = diagnose("t", curves(lambda x: 1 + x, falling))
    assert found.verdict == "overfits" and found.best_step == 0


def test_the_advice_is_the_epochs_of_the_best_step() -> None:
    found = diagnose("t", curves(falls_then_rises, falling))
    assert found.best_step in (60, 80)
    assert f"tasks.t.max_epochs: {3 * found.best_step / 160:.1f}" in found.advice


def test_a_rise_before_the_first_epoch_ends_is_no_learning_by_heart() -> None:
    found = diagnose("t", curves(falls_then_rises, falling, epochs=0.5))
    assert found.verdict == "worsens" and "seen once" in found.evidence
    assert "max_epochs" not in found.advice


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_but_sure_fall_is_neither_flat_nor_underfitting(seed: int) -> None:
    def slowly(x: float) -> float:
        return 2 * (1 - 0.008 * (LOOKS - 1) * x)  # by 0.8 % of the first loss from look to look

    assert diagnose("t", curves(slowly, slowly, seed=seed)).verdict == "learns"


def test_a_task_that_was_in_few_steps_is_not_judged() -> None:
    found = diagnose("t", curves(falls_then_rises, falling, gap=1))
    assert found.verdict == "too early" and "8 steps" in found.evidence


def test_slopes_are_per_100_steps() -> None:
    found = diagnose("t", curves(lambda x: 2 - x, lambda x: 2 - x))
    for slope in (found.validation_slope, found.training_slope):
        assert slope.low < -1 / 1.6 < slope.high and slope.falls


def test_a_loss_that_is_no_number() -> None:
    broken = curves(falling, falling)
    broken.validation[-1] = np.full(50, np.nan)
    found = diagnose("t", broken)
    assert found.verdict == "diverges"
    assert found.to_json()["validation_loss"] is None


def test_too_early_to_say() -> None:
    early = Curves()
    for look in range(2):
        early.look(look * GAP, np.ones(5), np.zeros(5), epochs=0.1)
    assert diagnose("t", early).verdict == "too early"
    early.look(2 * GAP, np.ones(5), np.zeros(5), epochs=0.0)
    assert diagnose("t", early).verdict == "too early"  # not drawn yet: a curriculum's


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_validation_split_of_next_to_nothing(n: int) -> None:
    """One example proves nothing, and nothing breaks."""
    found = diagnose("t", curves(falls_then_rises, falling, n=n))
    assert found.to_json()
    if n == 1:
        assert found.verdict != "overfits"


def test_noise_alone_is_seldom_taken_for_overfitting() -> None:
    """A flat curve whose every look is off a little, as parameters are."""
    false = 0
    for seed in range(100):
        generator = np.random.default_rng(1000 + seed)
        wobble = generator.normal(0, 0.005, LOOKS)
        found = diagnose(
            "t",
            curves(
                lambda x, wobble=wobble: quickly(x) + float(wobble[round(x * (LOOKS - 1))]),
                quickly,
                seed=seed,
            ),
        )
        false += found.verdict == "overfits"
    assert false <= 2
