"""Mixtures against the rates in the papers' own formulas."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tasktune.errors import UserError
from tasktune.sampling.mixtures import Mixture, TaskStatistics, mixtures
from tasktune.sampling.observation import Observation

NAMES = ("a", "b", "c", "d")
SIZES = TaskStatistics(NAMES, np.array([100, 1000, 10000, 100000]), draws=40_000)
REFERENCE = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}
DYNAMIC: dict[str, dict[str, Any]] = {
    "loss_ratio": {},
    "learning_progress": {"learning_rate": 0.5},
    "excess_loss": {"reference": REFERENCE},
}


def build(strategy: str, **options: Any) -> Mixture:
    return mixtures.build(strategy, options, "mixture", {"names": NAMES})


def shares(*draws: float) -> list[float]:
    return [count / sum(draws) for count in draws]


def observe(mixture: Mixture, step: int, losses: dict[int, float]) -> None:
    rates = mixture.rates(step, SIZES)
    mixture.observe(Observation(step, losses, np.array([2, 2, 2, 2]), rates))


@pytest.mark.parametrize(
    ("strategy", "options", "expected"),
    [
        ("proportional", {}, [0.000900, 0.009001, 0.090009, 0.900090]),
        ("equal", {}, [0.25, 0.25, 0.25, 0.25]),
        # mT5, arXiv 2010.11934: p ~ n ** 0.3, which is T = 1 / 0.3
        ("temperature", {"temperature": 1 / 0.3}, [0.067026, 0.133734, 0.266835, 0.532405]),
        ("temperature", {"temperature": 1 / 0.7}, [0.006368, 0.031918, 0.159969, 0.801744]),
        ("temperature", {"temperature": 2}, [0.021841, 0.069068, 0.218412, 0.690679]),
        ("temperature", {"alpha": 0.3}, [0.067026, 0.133734, 0.266835, 0.532405]),
        # T5, arXiv 1910.10683: p ~ min(n, K); seqio: the limit, then the root
        ("proportional", {"limit": 1000}, [0.032258, 0.322581, 0.322581, 0.322581]),
        ("temperature", {"limit": 5000}, [0.054632, 0.172760, 0.386304, 0.386304]),
        # UniMax, arXiv 2304.09151
        ("unimax", {"budget": 40000, "epochs": 1}, shares(100, 1000, 10000, 28900)),
        ("unimax", {"budget": 40000, "epochs": 4}, shares(400, 4000, 17800, 17800)),
        ("unimax", {"budget": 8000, "epochs": 1}, shares(100, 1000, 3450, 3450)),
        ("unimax", {"budget": 120000, "epochs": 4}, shares(400, 4000, 40000, 75600)),
        ("unimax", {"epochs": 4}, shares(400, 4000, 17800, 17800)),  # by the run's own draws
        ("fixed", {"rates": {"a": 1, "b": 2, "c": 0, "d": 5}}, [0.125, 0.25, 0, 0.625]),
    ],
)
def test_rates(strategy: str, options: dict[str, Any], expected: list[float]) -> None:
    rates = build(strategy, **options).rates(0, SIZES)
    np.testing.assert_allclose(rates, expected, atol=1e-6)
    assert rates.sum() == pytest.approx(1)


def test_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        mixtures.build("temperature", {"temprature": 2}, "mixture")
    expected = "unknown key 'temprature' under mixture; did you mean 'temperature'?"
    assert str(error.value) == expected


def test_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown mixture 'temprature'; did you mean 'temperature'"):
        mixtures.build("temprature", {}, "mixture.strategy")


def test_wrong_type_is_refused() -> None:
    with pytest.raises(UserError, match="mixture.temperature"):
        mixtures.build("temperature", {"temperature": "warm"}, "mixture")
    with pytest.raises(UserError, match="mixture.temperature"):
        mixtures.build("temperature", {"temperature": 0.5}, "mixture")


@pytest.mark.parametrize("strategy", DYNAMIC)
def test_a_dynamic_mixture_goes_on_from_its_state(strategy: str) -> None:
    steps = np.random.default_rng(0).uniform(0.1, 3, size=(40, 4))
    whole, half = (build(strategy, **DYNAMIC[strategy]) for _ in range(2))
    for step, losses in enumerate(steps):
        observe(whole, step, dict(enumerate(losses)))
        if step < 20:
            observe(half, step, dict(enumerate(losses)))
    resumed = build(strategy, **DYNAMIC[strategy])
    resumed.load_state_dict(json.loads(json.dumps(half.state_dict())))
    for step, losses in enumerate(steps[20:], start=20):
        observe(resumed, step, dict(enumerate(losses)))
    np.testing.assert_array_equal(resumed.rates(40, SIZES), whole.rates(40, SIZES))
    assert (
        np.abs(whole.rates(40, SIZES) - build(strategy, **DYNAMIC[strategy]).rates(0, SIZES)).max()
        > 1e-3
    )


@pytest.mark.parametrize("strategy", DYNAMIC)
def test_a_dynamic_mixture_survives_odd_losses(strategy: str) -> None:
    mixture = build(strategy, **DYNAMIC[strategy])
    for step in range(8):
        observe(mixture, step, {0: float("nan"), 1: 0.0, 3: float("inf")})
        rates = mixture.rates(step, SIZES)
        assert np.isfinite(rates).all() and (rates > 0).all()
        assert rates.sum() == pytest.approx(1)


def test_loss_ratio_by_hand() -> None:
    """GradNorm's relative inverse training rate on tempered sizes."""
    mixture = build("loss_ratio", strength=1.5, temperature=2, smoothing=1.0)
    observe(mixture, 0, {0: 2.0, 1: 1.0, 2: 4.0, 3: 1.0})
    observe(mixture, 1, {0: 1.0, 1: 0.8, 2: 1.0, 3: 1.0})
    ratios = np.array([0.5, 0.8, 0.25, 1.0])
    expected = np.sqrt(SIZES.sizes) * (ratios / ratios.mean()) ** 1.5
    np.testing.assert_allclose(mixture.rates(2, SIZES), expected / expected.sum())


def test_excess_loss_by_hand() -> None:
    """DoReMi's update: exponentiated excess over the reference, below which nothing counts."""
    mixture = build(
        "excess_loss", reference=REFERENCE, learning_rate=1.0, smoothing=0.2, forgetting=0.0
    )
    observe(mixture, 0, {0: 1.5, 1: 0.5, 2: 1.0, 3: 3.0})
    weights = np.exp([0.5, 0, 0, 2.0])
    np.testing.assert_allclose(mixture.rates(1, SIZES), 0.8 * weights / weights.sum() + 0.2 / 4)


@pytest.mark.parametrize(
    ("strategy", "options", "says"),
    [
        ("fixed", {"rates": {"a": 1, "b": 1, "c": 1}}, "mixture.rates: tasks.d has no rate"),
        ("fixed", {"rates": {"aa": 1}}, "mixture.rates: unknown task 'aa'"),
        ("fixed", {"rates": dict.fromkeys(NAMES, 0)}, "every rate is 0"),
        ("fixed", {"rates": {**dict.fromkeys(NAMES, 1), "b": -1}}, "the rate of b is -1"),
        ("fixed", {}, "mixture.rates"),
        ("excess_loss", {"reference": {"a": 1}}, "tasks.b has no reference loss"),
        ("temperature", {"temperature": 2, "alpha": 0.5}, "say the same; set one of them"),
        ("unimax", {"epochs": 0}, "mixture.epochs"),
    ],
)
def test_mistakes(strategy: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        build(strategy, **options)


def test_a_mixture_that_cannot_act_says_so() -> None:
    for strategy in ("learning_progress", "excess_loss"):
        mixture = build(strategy, **{**DYNAMIC[strategy], "learning_rate": 0.001})
        assert "can hardly change a rate within training.steps 50" in (mixture.check(50) or "")
        assert mixture.check(5000) is None
