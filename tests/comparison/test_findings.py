"""A comparison's figures, against a computation by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tasktune.comparison.findings import Scores, against_twin, against_twins, mean_ranks
from tasktune.evaluation.metrics import metrics

ACCURACY = metrics.build("accuracy", {}, "")
MATTHEWS = metrics.build("matthews", {}, "")
PERPLEXITY = metrics.build("perplexity", {}, "")


def scores(*seeds: float, spread: float = 0.0, examples: float = 100) -> Scores:
    """Scores whose resampled values lie evenly around the seeds' own, as far as ``spread``."""
    values = np.array(seeds)
    shifts = np.linspace(-spread, spread, 401)[:, None]
    return Scores(values, values + shifts, examples, 10)


def test_delta_m_and_intervals_by_hand() -> None:
    """Task a: 0.8 and 0.9 against 0.8 and 0.8; task b: 0.5 and 0.5 against 0.6 and 0.4.

    a's changes are 0 and 0.1 / 0.8 = 0.125, mean 0.0625; b's are -0.1 / 0.5 and 0.1 / 0.5, mean 0.
    Of two seeds, Student's t is 12.706; the standard deviation of a's is 0.125 / sqrt(2).
    """
    ours = {"a": scores(0.8, 0.9), "b": scores(0.5, 0.5)}
    twins = {"a": scores(0.8, 0.8), "b": scores(0.6, 0.4)}
    known = {"a": ACCURACY, "b": ACCURACY}
    found = against_twins(
        ours, twins, known, dict.fromkeys(known, "accuracy"), {"a": 0.1, "b": 0.1}, "examples"
    )
    t = 12.706205
    assert found.tasks["a"].change == pytest.approx(0.0625)
    assert found.tasks["a"].high - 0.0625 == pytest.approx(t * 0.125 / 2, rel=1e-5)
    assert found.tasks["b"].change == pytest.approx(0.0)
    # delta-m of the seeds: (0 - 0.2) / 2 = -0.1 and (0.125 + 0.2) / 2 = 0.1625
    assert found.delta_m is not None
    assert found.delta_m.value == pytest.approx(0.03125)
    assert found.delta_m.high - 0.03125 == pytest.approx(t * 0.2625 / 2, rel=1e-5)
    assert found.worst_task == "b" and found.spread == pytest.approx(0.03125)
    assert found.below == [] and found.left_out == []


def test_examples_and_seeds_add_as_squares() -> None:
    ours, twin = scores(0.7, 0.8, 0.9, spread=0.1), scores(0.5, 0.5, 0.5)
    found = against_twin(ours, twin, ACCURACY, 0.1, "accuracy", "examples")
    of_examples = 0.95 * 0.1 / 0.5  # the 95 % of a uniform from -0.2 to 0.2 that lie in the middle
    of_seeds = stats.t.ppf(0.975, 2) * 0.2 / math.sqrt(3)
    assert found.change == pytest.approx(0.6)
    assert found.high - 0.6 == pytest.approx(math.hypot(of_examples, of_seeds), rel=1e-3)


def test_one_seed_leaves_the_examples() -> None:
    found = against_twin(
        scores(0.9, spread=0.1), scores(0.5), ACCURACY, 0.1, "accuracy", "examples"
    )
    assert found.high - found.change == pytest.approx(0.95 * 0.2, rel=1e-3)
    assert found.verdict == "helped"


@pytest.mark.parametrize(("spread", "absolute"), [(0.02, False), (0.1, True)])
def test_a_twin_that_may_be_at_chance_gives_points(spread: float, absolute: bool) -> None:
    """0.12 is a score if the examples can tell it from 0.05, and may be none if they can't."""
    twin = scores(0.12, 0.12, spread=spread)
    found = against_twin(scores(0.06, 0.06), twin, MATTHEWS, 0.0, "matthews", "steps")
    assert found.absolute is absolute
    assert found.change == pytest.approx(-0.06 if absolute else -0.5)


@pytest.mark.parametrize("twin", [0.0, 0.004, -0.1])
def test_a_twin_at_chance_gives_points_and_no_infinity(twin: float) -> None:
    ours = {"cola": scores(0.2, 0.2), "sst2": scores(0.9, 0.9)}
    twins = {"cola": scores(twin, twin), "sst2": scores(0.8, 0.8)}
    known = {"cola": MATTHEWS, "sst2": ACCURACY}
    found = against_twins(
        ours, twins, known, {"cola": "matthews", "sst2": "accuracy"},
        {"cola": 0.0, "sst2": 0.5}, "steps",
    )  # fmt: skip
    assert found.left_out == ["cola"]
    assert found.tasks["cola"].absolute
    assert found.tasks["cola"].change == pytest.approx(0.2 - twin)
    assert found.delta_m is not None and found.delta_m.value == pytest.approx(0.125)


def test_an_accuracy_of_the_majority_is_chance() -> None:
    for twin, absolute in ((0.7, True), (0.75, False)):
        found = against_twin(scores(0.9), scores(twin), ACCURACY, 0.69, "accuracy", "examples")
        assert found.absolute is absolute


def test_no_task_with_a_relative_change() -> None:
    found = against_twins(
        {"a": scores(0.5)}, {"a": scores(0.0)}, {"a": ACCURACY}, {"a": "accuracy"}, {"a": 0.0},
        "examples",
    )  # fmt: skip
    assert found.delta_m is None and found.worst_task is None and found.spread is None


def test_less_perplexity_is_better() -> None:
    found = against_twin(scores(8.0), scores(10.0), PERPLEXITY, None, "perplexity", "examples")
    assert found.change == pytest.approx(0.2) and not found.absolute


def test_other_budgets_are_marked_where_they_were_to_be_equal() -> None:
    ours, twins = {"a": scores(0.9, examples=120)}, {"a": scores(0.8, examples=100)}
    for budget, marked in (("examples", True), ("steps", False)):
        found = against_twins(
            ours,
            twins,
            {"a": ACCURACY},
            {"a": "accuracy"},
            {"a": 0.5},
            budget,  # type: ignore[arg-type]
        )
        assert found.tasks["a"].other_budget is marked


def test_ranks_are_shared_by_equal_scores() -> None:
    table = {
        "x": {"a": scores(0.9), "b": scores(5.0)},
        "y": {"a": scores(0.9), "b": scores(4.0)},
        "z": {"a": scores(0.1), "b": scores(9.0)},
    }
    found = mean_ranks(table, {"a": ACCURACY, "b": PERPLEXITY})
    assert found == {"x": 1.75, "y": 1.25, "z": 3.0}
