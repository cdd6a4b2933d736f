"""Mixtures against the rates in the papers' own formulas."""

from __future__ import annotations

import numpy as np
import pytest

from tasktune.errors import UserError
from tasktune.sampling.mixtures import TaskStatistics, mixtures

SIZES = TaskStatistics(("a", "b", "c", "d"), np.array([100, 1000, 10000, 100000]))


@pytest.mark.parametrize(
    ("strategy", "options", "expected"),
    [
        ("proportional", {}, [0.000900, 0.009001, 0.090009, 0.900090]),
        ("equal", {}, [0.25, 0.25, 0.25, 0.25]),
        # mT5, arXiv 2010.11934: p ~ n ** 0.3, which is T = 1 / 0.3
        ("temperature", {"temperature": 1 / 0.3}, [0.067026, 0.133734, 0.266835, 0.532405]),
        ("temperature", {"temperature": 1 / 0.7}, [0.006368, 0.031918, 0.159969, 0.801744]),
        ("temperature", {"temperature": 2}, [0.021841, 0.069068, 0.218412, 0.690679]),
    ],
)
def test_rates(strategy: str, options: dict[str, float], expected: list[float]) -> None:
    rates = mixtures.build(strategy, options, "mixture").rates(0, SIZES)
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
